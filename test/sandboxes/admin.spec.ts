import { randomUUID } from 'node:crypto';
import { Module } from '@nestjs/common';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import { SANDBOX_PAYMENTS, type OperationPayments } from '@tollbox/platform/operations/operation-payments';
import { CreateSandbox } from '@tollbox/sandboxes/application/create-sandbox';
import { ExecCommand } from '@tollbox/sandboxes/application/exec-command';
import { ProviderError } from '@tollbox/sandboxes/application/ports/provider';
import {
  sandboxAnswer,
  sandboxesAnswer,
  type SandboxDetailAnswer,
  type SandboxesAnswer,
} from '@tollbox/sandboxes/http/admin-schemas';
import { AdminSandboxesController } from '@tollbox/sandboxes/http/admin-sandboxes.controller';
import { StopSandbox } from '@tollbox/sandboxes/application/stop-sandbox';
import { SANDBOX_QUERIES } from '@tollbox/sandboxes/application/ports/sandbox-queries';
import { PgSandboxQueries } from '@tollbox/sandboxes/infrastructure/persistence/sandbox.queries';
import { InstallationService } from '@tollbox/platform/installation/installation.service';
import { assembleSandboxes, type Sandboxes } from '@tollbox/sandboxes/assemble';
import { PgPoolStore } from '@tollbox/sandboxes/infrastructure/persistence/pool-rows';
import { PgSandboxStore } from '@tollbox/sandboxes/infrastructure/persistence/sandbox.store';
import { PgSnapshotStore } from '@tollbox/sandboxes/infrastructure/persistence/snapshot.store';
import { interpreterParts } from '@tollbox/sandboxes/infrastructure/interpreter/kernel';
import { PgTunnelStore } from '@tollbox/sandboxes/infrastructure/persistence/tunnel.store';
import { systemIds, systemRandom } from '@tollbox/platform/clock/random';
import { systemClock } from '@tollbox/platform/clock/clock';
import { CONFIG, type Config } from '@tollbox/platform/config/config';
import { Pool } from 'pg';
import { startTestApp, type TestApp } from '../platform/support/test-app';
import { processOf, ScriptedProvider } from '../support/sandboxes/scripted-provider';
import { ORDER, wallet } from '../support/sandboxes/world';

const provider = new ScriptedProvider();
const asked: string[][] = [];
const payments: OperationPayments = {
  ofOperations: (operationIds) => {
    asked.push([...operationIds]);
    return Promise.resolve([]);
  },
};

type AnyBody = SandboxesAnswer & SandboxDetailAnswer;

/** The admin routes as SandboxesHttpModule has them, over the scripted provider. */
@Module({
  controllers: [AdminSandboxesController],
  providers: [
    { provide: SANDBOX_QUERIES, useClass: PgSandboxQueries },
    { provide: SANDBOX_PAYMENTS, useValue: payments },
    {
      provide: 'sandboxes',
      inject: [CONFIG, PG_POOL, InstallationService],
      useFactory: (config: Config, pool: Pool, installation: InstallationService) =>
        assembleSandboxes(config, {
          store: new PgSandboxStore(pool),
          snapshotStore: new PgSnapshotStore(pool),
          pool: new PgPoolStore(pool),
          tunnelStore: new PgTunnelStore(pool),
          interpreter: interpreterParts(pool),
          provider,
          installation,
          clock: systemClock,
          ids: systemIds,
          random: systemRandom,
          phases: { reached: () => undefined },
          refusals: { foreignSandbox: () => undefined },
          observer: { lateSandboxLeft: () => undefined },
        }),
    },
    { provide: StopSandbox, inject: ['sandboxes'], useFactory: ({ stop }: Sandboxes) => stop },
    { provide: CreateSandbox, inject: ['sandboxes'], useFactory: ({ create }: Sandboxes) => create },
    { provide: ExecCommand, inject: ['sandboxes'], useFactory: ({ exec }: Sandboxes) => exec },
  ],
})
class AdminSandboxesUnderTest {}

describe('the operator’s view of sandboxes', () => {
  let test: TestApp;
  let operator: { token: string; id: string };
  beforeAll(async () => {
    test = await startTestApp(
      { imports: [AdminSandboxesUnderTest] },
      { SANDBOX_MAX_LIVE: '1000', SANDBOX_MAX_LIVE_PER_OWNER: '100' },
    );
    operator = await test.key('operator');
  });
  afterAll(() => test.close());
  beforeEach(() => {
    delete provider.before.terminate;
  });

  const pool = () => test.app.get<Pool>(PG_POOL);
  const call = async (
    method: 'GET' | 'POST',
    url: string,
    token = operator.token,
  ): Promise<{ status: number; body: AnyBody; requestId: unknown }> => {
    const answer = await test.app.inject({ method, url, headers: { authorization: `Bearer ${token}` } });
    return { status: answer.statusCode, body: answer.json<AnyBody>(), requestId: answer.headers['x-request-id'] };
  };
  const create = async (owner = wallet()) => {
    const answer = await test.app.get(CreateSandbox).execute({ owner, operationId: randomUUID(), order: ORDER });
    return { owner, sandboxId: answer.sandbox_id };
  };
  const idsOf = (body: SandboxesAnswer): string[] => body.sandboxes.map(({ sandbox_id }) => sandbox_id);

  it('pages newest first, each sandbox once, while new ones arrive and times are equal', async () => {
    const owner = wallet();
    const created: string[] = [];
    for (let index = 0; index < 7; index++) created.push((await create(owner)).sandboxId);
    const others = await Promise.all([create(owner), create(owner), create(owner)]);
    const expected = [...created, ...others.map(({ sandboxId }) => sandboxId)].sort();
    const seen: string[] = [];
    let cursor = '';
    do {
      const { status, body } = await call(
        'GET',
        `/admin/sandboxes?owner=${owner.toUpperCase().replace('0X', '0x')}&limit=3${cursor}`,
      );
      expect(status).toBe(200);
      expect(sandboxesAnswer.parse(body)).toEqual(body);
      seen.push(...idsOf(body));
      await create(owner);
      cursor = body.next_cursor === null ? '' : `&cursor=${body.next_cursor}`;
    } while (cursor !== '');
    expect([...seen].sort()).toEqual(expected);
    expect(seen.slice(-7)).toEqual([...created].reverse());
  });

  it('filters by state, reason, provider and time', async () => {
    const owner = wallet();
    const [kept, ended] = [await create(owner), await create(owner)];
    await call('POST', `/admin/sandboxes/${ended.sandboxId}/terminate`);
    const list = async (query: string) => idsOf((await call('GET', `/admin/sandboxes?owner=${owner}&${query}`)).body);
    expect(await list('state=running')).toEqual([kept.sandboxId]);
    expect(await list('reason=operator')).toEqual([ended.sandboxId]);
    expect(await list('provider=modal')).toEqual([]);
    expect(await list('provider=container')).toHaveLength(2);
    const { rows } = await pool().query<{ created_at: Date }>('SELECT created_at FROM sandboxes WHERE id = $1', [
      ended.sandboxId,
    ]);
    const at = rows[0]!.created_at.toISOString();
    expect(await list(`created_from=${at}`)).toContain(ended.sandboxId);
    expect(await list(`created_to=${at}`)).not.toContain(ended.sandboxId);
  });

  it.each(['limit=0', 'limit=201', 'limit=x', 'cursor=x', 'state=asleep', 'owner=me', 'created_from=yesterday', 'reason=bored'])(
    'refuses ?%s',
    async (query) => {
      expect(await call('GET', `/admin/sandboxes?${query}`)).toMatchObject({ status: 400, body: { code: 'invalid_query' } });
    },
  );

  it('shows events, executions with both ends of their output, operations and payments', async () => {
    const { owner, sandboxId } = await create();
    provider.command = () => processOf(`é${'a'.repeat(2_000)}END`, 'warn', 1);
    const operationId = randomUUID();
    await test.app.get(ExecCommand).execute({ owner, operationId, sandboxId, argv: ['cat', 'x'], timeoutMs: 1_000 });
    const { status, body } = await call('GET', `/admin/sandboxes/${sandboxId}`);
    expect(status).toBe(200);
    expect(sandboxAnswer.parse(body)).toEqual(body);
    expect(body.sandbox).toMatchObject({ sandbox_id: sandboxId, owner, state: 'running', cpu: 1, memory: 256, timeout: 300 });
    expect(body.events.map(({ kind }) => kind)).toEqual(['requested', 'provisioning', 'started']);
    expect(body.executions).toMatchObject([
      {
        operation_id: operationId,
        argv: ['cat', 'x'],
        returncode: 1,
        stdout: { head: `é${'a'.repeat(1_022)}`, bytes: 2_005, truncated: false },
        stderr: { head: 'warn', tail: null, bytes: 4 },
      },
    ]);
    const { head, tail } = body.executions[0]!.stdout;
    expect(`${head}${tail}`).toBe(`é${'a'.repeat(2_000)}END`);
    expect(body.operations.map(({ operation }) => operation)).toEqual(['sandbox.create', 'sandbox.exec']);
    expect(asked.at(-1)).toEqual(body.operations.map(({ operation_id }) => operation_id));
    expect(body.totals).toEqual({ events: 3, executions: 1, operations: 2 });
  });

  it('ends a sandbox, and records who did it', async () => {
    const { sandboxId } = await create();
    const { status, body, requestId } = await call('POST', `/admin/sandboxes/${sandboxId}/terminate`);
    expect([status, body.sandbox.state, body.sandbox.reason]).toEqual([200, 'terminated', 'operator']);
    const { rows } = await pool().query(
      'SELECT actor_kind, actor, action, outcome, request_id FROM audit_log WHERE subject = $1',
      [sandboxId],
    );
    expect(rows).toEqual([
      { actor_kind: 'staff', actor: operator.id, action: 'sandbox.terminate', outcome: 'ok', request_id: requestId },
    ]);
    expect((await call('POST', `/admin/sandboxes/${sandboxId}/terminate`)).status).toBe(200);
  });

  it('records a failure too, and leaves the end to the reaper', async () => {
    const { sandboxId } = await create();
    provider.before.terminate = () => {
      throw new ProviderError('unavailable', 'down');
    };
    expect(await call('POST', `/admin/sandboxes/${sandboxId}/terminate`)).toMatchObject({
      status: 503,
      body: { code: 'provider_unavailable', charged: false },
    });
    const { rows } = await pool().query('SELECT outcome FROM audit_log WHERE subject = $1 ORDER BY id', [sandboxId]);
    expect(rows).toEqual([{ outcome: 'ok' }, { outcome: 'failed' }]);
    const state = await pool().query('SELECT desired_state FROM sandboxes WHERE id = $1', [sandboxId]);
    expect(state.rows).toEqual([{ desired_state: 'terminated' }]);
  });

  it('does not end what it cannot record', async () => {
    const { sandboxId } = await create();
    const owner = new Pool({ connectionString: test.database.url, max: 1 });
    await owner.query('ALTER TABLE audit_log ADD CONSTRAINT spec_no_entries CHECK (false) NOT VALID');
    try {
      expect((await call('POST', `/admin/sandboxes/${sandboxId}/terminate`)).status).toBe(500);
      const { rows } = await pool().query('SELECT state, desired_state FROM sandboxes WHERE id = $1', [sandboxId]);
      expect(rows).toEqual([{ state: 'running', desired_state: 'running' }]);
    } finally {
      await owner.query('ALTER TABLE audit_log DROP CONSTRAINT spec_no_entries');
      await owner.end();
    }
  });

  it.each(['sb-SKt5nLL9syMDmcmMTMfhHP', 'x', 'sb-%00', '%F0%9F%98%80'])('knows no sandbox %s', async (id) => {
    expect(await call('GET', `/admin/sandboxes/${id}`)).toMatchObject({ status: 404, body: { code: 'not_found' } });
    expect(await call('POST', `/admin/sandboxes/${id}/terminate`)).toMatchObject({ status: 404, body: { code: 'not_found' } });
  });

  it('auditors read and do not touch, finance does neither', async () => {
    const { sandboxId } = await create();
    const auditor = (await test.key('auditor')).token;
    const finance = (await test.key('finance')).token;
    expect((await call('GET', '/admin/sandboxes', auditor)).status).toBe(200);
    expect((await call('GET', `/admin/sandboxes/${sandboxId}`, auditor)).status).toBe(200);
    expect((await call('POST', `/admin/sandboxes/${sandboxId}/terminate`, auditor)).status).toBe(403);
    for (const url of ['/admin/sandboxes', `/admin/sandboxes/${sandboxId}`])
      expect((await call('GET', url, finance)).status).toBe(403);
    expect((await test.app.inject({ method: 'GET', url: '/admin/sandboxes' })).statusCode).toBe(401);
  });
});
