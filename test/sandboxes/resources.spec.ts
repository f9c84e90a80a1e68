import { setTimeout as sleep } from 'node:timers/promises';
import type { PrivateKeyAccount } from 'viem/accounts';
import { OperationRegistry } from '@tollbox/platform/operations/operation';
import { CreditsWorld, type Answer } from '../support/credits/world';
import { seedProcess, seedSandbox, seedSandboxPage } from '../support/sandboxes/seed-schemas';

const CALL = 1_000n;
const CREATE = 10_000n;
type Body = Record<string, unknown>;

describe('/v1/sandboxes', () => {
  let world: CreditsWorld;
  let owner: PrivateKeyAccount;
  beforeAll(async () => {
    world = await CreditsWorld.start({
      REAPER_INTERVAL_MS: '100',
      SANDBOX_MAX_TAGS: '3',
      SANDBOX_MAX_WAITS_PER_OWNER: '1',
      OWNER_REQUESTS_PER_MINUTE_PER_IP: '6000',
    });
    owner = await world.payer();
  });
  afterAll(() => world.stop());

  const send = async (method: string, url: string, body: Body | undefined, headers: Record<string, string>): Promise<Answer> => {
    const answer = await world.app.inject({
      method: method as 'POST',
      url,
      headers,
      ...(body === undefined ? {} : { payload: body }),
    });
    return { status: answer.statusCode, headers: answer.headers, body: answer.body === '' ? {} : answer.json<Body>() };
  };
  const paid = async (method: string, url: string, body?: Body, price = CALL, payer = owner): Promise<Answer> =>
    send(method, url, body, await world.paymentHeader(payer, price));
  const create = async (body: Body = {}, payer = owner): Promise<Body> => {
    const answer = await paid('POST', '/v1/sandboxes', body, CREATE, payer);
    expect([answer.status, answer.body]).toEqual([201, expect.anything()]);
    return answer.body;
  };
  const idOf = async (body?: Body): Promise<string> => (await create(body))['sandbox_id'] as string;

  it('creates with what was asked, once a payment, in the words of the seed document', async () => {
    const headers = await world.paymentHeader(owner, CREATE);
    const asked = {
      tags: { team: 'a' },
      env: { TOKEN: 'hush' },
      idle_timeout: 120,
      timeout: 200,
      memory: 256,
      app_id: 'ignored',
    };
    const first = await send('POST', '/v1/sandboxes', asked, headers);
    const again = await send('POST', '/v1/sandboxes', asked, headers);
    expect([first.status, again.status, again.body]).toEqual([201, 201, first.body]);
    expect(seedSandbox.parse(first.body)).toMatchObject({ state: 'ready', timeout: 200, idle_timeout: 120, tags: { team: 'a' } });
    expect(first.body).toMatchObject({ memory: 256, env_names: ['TOKEN'], network: { cidrs: [], domains: [] } });
    const { rows } = await world.pool.query<{ text: string; operation_id: string }>(
      `SELECT s::text AS text, operation_id FROM sandboxes s WHERE id = $1`,
      [first.body['sandbox_id']],
    );
    expect(rows[0]!.text).not.toContain('hush');
    const outcome = await world.app.get(OperationRegistry).get('sandboxes.create').outcomeOf(rows[0]!.operation_id);
    expect(outcome).toEqual({ kind: 'done', answer: { status: 201, body: first.body } });
  });

  it('refuses before payment what is wrong or not there', async () => {
    const refused = async (body: Body) => (await send('POST', '/v1/sandboxes', body, {})).status;
    for (const body of [{ tags: { a: 1 } }, { tags: { 'a b': 'c' } }, { name: '-' }, { env: { '1A': 'x' } }, { idle_timeout: 0 }])
      expect([body, await refused(body)]).toEqual([body, 400]);
    expect(await refused({ tags: { a: '1', b: '2', c: '3', d: '4' } })).toBe(400);
    const entrypoint = await paid('POST', '/v1/sandboxes', { entrypoint: ['sleep', '1'] }, CREATE);
    expect([entrypoint.status, entrypoint.body]).toMatchObject([422, { code: 'not_supported_here', charged: false }]);
  });

  it('gives a name to one live sandbox of a wallet', async () => {
    const first = await idOf({ name: 'worker' });
    const taken = await paid('POST', '/v1/sandboxes', { name: 'worker' }, CREATE);
    expect([taken.status, taken.body]).toMatchObject([409, { code: 'sandbox_name_taken', charged: false }]);
    await create({ name: 'worker' }, await world.payer());
    const twins = await Promise.all([1, 2].map(() => paid('POST', '/v1/sandboxes', { name: 'twin' }, CREATE)));
    expect(twins.map(({ status }) => status).sort()).toEqual([201, 409]);
    expect((await paid('DELETE', `/v1/sandboxes/${first}`)).status).toBe(204);
    expect(await idOf({ name: 'worker' })).not.toBe(first);
  });

  it('runs commands with variables, working directory and input', async () => {
    const id = await idOf({ env: { FROM_CREATE: 'c' } });
    await paid('POST', `/v1/sandboxes/${id}/exec`, { command: ['mkdir', 'work'] });
    const headers = await world.paymentHeader(owner, CALL);
    const command = ['sh', '-c', 'basename $PWD; echo $FROM_CREATE$FROM_EXEC; cat; echo problem >&2; exit 3'];
    const body = { command, workdir: '/work', env: { FROM_EXEC: 'e' }, stdin: Buffer.from('given').toString('base64') };
    const first = await send('POST', `/v1/sandboxes/${id}/exec`, body, headers);
    const again = await send('POST', `/v1/sandboxes/${id}/exec`, body, headers);
    expect([first.status, again.body]).toEqual([200, first.body]);
    expect(seedProcess.parse(first.body)).toMatchObject({ sandbox_id: id, returncode: 3 });
    expect(first.body).toMatchObject({ stdout: 'work\nce\ngiven', stderr: 'problem\n', timed_out: false });
    const outcome = await world.app.get(OperationRegistry).get('sandboxes.exec').outcomeOf(String(first.body['process_id']));
    expect(outcome).toEqual({ kind: 'done', answer: { status: 200, body: first.body } });
    for (const wrong of [{ command: [] }, { command: ['x'], workdir: 'tmp' }, { command: ['x'], stdin: '%' }])
      expect((await send('POST', `/v1/sandboxes/${id}/exec`, wrong, {})).status).toBe(400);
    expect((await paid('POST', `/v1/sandboxes/${id}/exec`, { command: ['x'] }, CALL, await world.payer())).status).toBe(404);
  });

  it('changes tags as a merge, within their limit', async () => {
    const id = await idOf({ tags: { keep: '1', drop: '2' } });
    const changed = await paid('PATCH', `/v1/sandboxes/${id}/tags`, { tags: { drop: null, add: '3' } });
    expect(seedSandbox.parse(changed.body).tags).toEqual({ keep: '1', add: '3' });
    const many = await paid('PATCH', `/v1/sandboxes/${id}/tags`, { tags: { b: '1', c: '2' } });
    expect([many.status, many.body]).toMatchObject([422, { code: 'too_many_tags', charged: false }]);
    const shown = await world.signedIn(owner, `/v1/sandboxes/${id}`);
    expect(shown.body['tags']).toEqual({ keep: '1', add: '3' });
  });

  it('lists what a wallet has, by tag, name and state, page by page, and shows nothing to others', async () => {
    const me = await world.payer();
    const made: string[] = [];
    for (const tags of [{ kind: 'a' }, { kind: 'b' }, { kind: 'a', extra: 'x' }]) {
      const body = await create({ tags, name: `n${made.length}` }, me);
      made.push(body['sandbox_id'] as string);
    }
    const ids = async (query: string): Promise<string[]> => {
      const { status, body } = await world.signedIn(me, `/v1/sandboxes${query}`);
      expect([query, status]).toEqual([query, 200]);
      return (seedSandboxPage.parse(body).data ?? []).map(({ sandbox_id: id }) => id!);
    };
    const newestFirst = [...made].reverse();
    expect(await ids('')).toEqual(newestFirst);
    expect(await ids('?tag=kind%3Da')).toEqual([made[2], made[0]]);
    expect(await ids('?tag=extra')).toEqual([made[2]]);
    expect(await ids('?name=n1')).toEqual([made[1]]);
    const walked: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const { body }: Answer = await world.signedIn(me, `/v1/sandboxes?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`);
      walked.push(...(body['data'] as { sandbox_id: string }[]).map(({ sandbox_id: id }) => id));
      cursor = body['next_cursor'] as string | null;
    }
    expect(walked).toEqual(newestFirst);
    expect((await paid('DELETE', `/v1/sandboxes/${made[0]!}`, undefined, CALL, me)).status).toBe(204);
    expect(await ids('?state=ready')).toEqual([made[2], made[1]]);
    expect(await ids('?state=terminated')).toEqual([made[0]]);
    expect((await world.signedIn(me, '/v1/sandboxes?stat=ready')).status).toBe(400);
    const stranger = await world.signedIn(owner, `/v1/sandboxes/${made[1]!}`);
    const unknown = await world.signedIn(owner, '/v1/sandboxes/sb-0000000000000000000000');
    expect([stranger.status, stranger.body['code']]).toEqual([404, 'sandbox_not_found']);
    expect([unknown.status, unknown.body['message']]).toEqual([404, stranger.body['message']]);
    expect((await send('GET', `/v1/sandboxes/${made[1]!}`, undefined, {})).status).toBe(401);
  });

  it('deletes once a payment, with an empty answer every time', async () => {
    const id = await idOf();
    const headers = await world.paymentHeader(owner, CALL);
    for (let time = 1; time <= 2; time++)
      expect(await send('DELETE', `/v1/sandboxes/${id}`, undefined, headers)).toMatchObject({ status: 204, body: {} });
    const shown = await world.signedIn(owner, `/v1/sandboxes/${id}`);
    expect(seedSandbox.parse(shown.body)).toMatchObject({ state: 'terminated', reason: 'requested' });
    expect((await paid('POST', `/v1/sandboxes/${id}/exec`, { command: ['true'] })).status).toBe(410);
  });

  it('waits for the end of a sandbox, or for the time that was asked for, with a limit a wallet', async () => {
    const id = await idOf();
    expect((await world.signedIn(owner, `/v1/sandboxes/${id}/wait?timeout=0`)).body['state']).toBe('ready');
    const waiting = world.signedIn(owner, `/v1/sandboxes/${id}/wait`);
    let other = await world.signedIn(owner, `/v1/sandboxes/${id}/wait?timeout=0`);
    while (other.status === 200) {
      await sleep(20);
      other = await world.signedIn(owner, `/v1/sandboxes/${id}/wait?timeout=0`);
    }
    expect([other.status, other.body['code']]).toEqual([429, 'too_many_waits']);
    await paid('DELETE', `/v1/sandboxes/${id}`);
    expect((await waiting).body['state']).toBe('terminated');
    expect((await world.signedIn(owner, `/v1/sandboxes/${id}/wait?timeout=61`)).status).toBe(400);
  });

  it('ends a sandbox that nobody uses for its idle timeout, and none that works', async () => {
    const id = await idOf({ idle_timeout: 2 });
    expect((await paid('POST', `/v1/sandboxes/${id}/exec`, { command: ['sleep', '3'], timeout: 10 })).status).toBe(200);
    const after = await world.pool.query<{ idle_in_s: number }>(
      'SELECT extract(epoch FROM idle_at - now())::float8 AS idle_in_s FROM sandboxes WHERE id = $1',
      [id],
    );
    expect(after.rows[0]!.idle_in_s).toBeLessThanOrEqual(2);
    const ended = await world.signedIn(owner, `/v1/sandboxes/${id}/wait?timeout=30`);
    expect(ended.body).toMatchObject({ state: 'terminated', reason: 'idle' });
  });
});
