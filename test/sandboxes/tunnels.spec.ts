import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { createServer, request, type IncomingMessage, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { TunnelListener } from '@tollbox/sandboxes/http/tunnel-listener';
import { tunnelSettings } from '@tollbox/sandboxes/application/tunnels/tunnel-settings';
import type { ProviderTunnel } from '@tollbox/sandboxes/application/ports/provider-tunnels';
import type { TunnelAnswer } from '@tollbox/sandboxes/domain/tunnel';
import { ScriptedProvider } from '../support/sandboxes/scripted-provider';
import { openWorld, wallet, type World } from '../support/sandboxes/world';

const PORT = 8080;
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** A scripted provider whose sandboxes all have the port of one local server. */
class WithTunnels extends ScriptedProvider {
  target: ProviderTunnel['target'] = null;
  readonly tunnels = {
    list: () => Promise.resolve([{ containerPort: PORT, publicUrl: null, target: this.target }]),
  };
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

describe('tunnels', () => {
  const provider = new WithTunnels();
  let world: World;
  let inside: Server;
  let listener: TunnelListener;
  let listenerPort: number;
  const seen: IncomingMessage[] = [];
  const problems: unknown[] = [];

  beforeAll(async () => {
    inside = createServer((incoming, response) => {
      seen.push(incoming);
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => response.writeHead(201, ['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2']).end(Buffer.concat(chunks)));
    });
    inside.on('upgrade', (incoming, socket, head: Buffer) => {
      seen.push(incoming);
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
      socket.write(head);
      socket.pipe(socket);
    });
    await new Promise<void>((resolve) => inside.listen(0, '127.0.0.1', resolve));
    provider.target = { host: '127.0.0.1', port: (inside.address() as AddressInfo).port };
    world = await openWorld(provider, {
      TUNNEL_PUBLIC_URL: 'http://{port}-{tunnel_id}.tunnels.example:4021',
      TUNNEL_MAX_PER_SANDBOX: '3',
      TUNNEL_MAX_CONNECTIONS: '2',
    });
    const { addresses, ...limits } = tunnelSettings(world.config);
    listener = new TunnelListener(world.sandboxes.tunnels.pass, addresses!, {
      ...limits,
      bind: '127.0.0.1',
      port: 0,
      maxConnections: 100,
      onProblem: (error) => problems.push(error),
    });
    listenerPort = (await listener.start()).port;
  });
  afterAll(async () => {
    await listener.stop();
    inside.closeAllConnections();
    inside.close();
    await world.close();
    expect(problems).toEqual([]);
  });

  const open = async (owner: string, sandboxId: string, tokenSha256: string | null): Promise<TunnelAnswer> =>
    world.sandboxes.tunnels.open.execute({ owner, operationId: randomUUID(), sandboxId, containerPort: PORT, tokenSha256 });
  const visit = (tunnel: { host: string }, path: string, headers: Record<string, string> = {}, body = ''): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const options = { port: listenerPort, path, method: body === '' ? 'GET' : 'POST', agent: false };
      request({ ...options, headers: { host: tunnel.host, ...headers } }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
      })
        .on('error', reject)
        .end(body);
    });
  const upgraded = (tunnel: { host: string }, token: string) => {
    const socket = connect(listenerPort, '127.0.0.1');
    socket.on('error', () => undefined);
    let text = '';
    const waiting: (() => void)[] = [];
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      for (const wake of waiting.splice(0)) wake();
    });
    const closed = new Promise((resolve) => socket.on('close', resolve));
    const has = async (part: string) => {
      while (!text.includes(part)) await new Promise<void>((resolve) => waiting.push(resolve));
    };
    socket.write(
      `GET /chat?tunnel_token=${token}&room=1 HTTP/1.1\r\nHost: ${tunnel.host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    );
    return { socket, has, closed };
  };

  it('forwards HTTP both ways for whoever has the token, which the sandbox never sees', async () => {
    const { answer, owner } = await world.create();
    const token = randomBytes(16).toString('hex');
    const tunnel = await open(owner, answer.sandbox_id, sha256(token));
    expect(tunnel).toMatchObject({ sandbox_id: answer.sandbox_id, container_port: PORT, public: false, port: 4021 });
    expect(tunnel.url).toBe(`http://${tunnel.host}:4021/`);
    seen.length = 0;
    const cookies = { cookie: `x=1; tunnel_token=${token}; y=2` };
    expect(await visit(tunnel, '/a?b=1', { 'x-tunnel-token': token, 'x-mine': 'kept' }, 'hello')).toEqual({
      status: 201,
      body: 'hello',
    });
    expect(await visit(tunnel, `/q?a=1&tunnel_token=${token}&b=%20`)).toMatchObject({ status: 201 });
    expect(await visit(tunnel, '/c', cookies)).toMatchObject({ status: 201 });
    expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual(['POST /a?b=1', 'GET /q?a=1&b=%20', 'GET /c']);
    expect(seen[0]?.headers).toMatchObject({ host: tunnel.host, 'x-mine': 'kept' });
    expect(seen[2]?.headers.cookie).toBe('x=1; y=2');
    expect(JSON.stringify(seen.map(({ rawHeaders, url }) => [rawHeaders, url]))).not.toContain(token);
  });

  it('refuses without the token, with another one, with its hash, and for another name', async () => {
    const { answer, owner } = await world.create();
    const token = randomBytes(16).toString('hex');
    const tunnel = await open(owner, answer.sandbox_id, sha256(token));
    seen.length = 0;
    expect(await visit(tunnel, '/')).toMatchObject({ status: 401 });
    expect(await visit(tunnel, '/', { 'x-tunnel-token': `${token}x` })).toMatchObject({ status: 401 });
    expect(await visit(tunnel, '/', { 'x-tunnel-token': sha256(token) })).toMatchObject({ status: 401 });
    const other = { host: `${PORT}-tn${'0'.repeat(32)}.tunnels.example` };
    expect(await visit(other, '/', { 'x-tunnel-token': token })).toMatchObject({ status: 404 });
    expect(await visit({ host: '127.0.0.1' }, '/', { 'x-tunnel-token': token })).toMatchObject({ status: 404 });
    expect(await visit({ host: `${tunnel.host}.evil.example` }, '/', { 'x-tunnel-token': token })).toMatchObject({ status: 404 });
    expect(seen).toEqual([]);
  });

  it('lets everybody through where the buyer wants it', async () => {
    const { answer, owner } = await world.create();
    const tunnel = await open(owner, answer.sandbox_id, null);
    expect(tunnel.public).toBe(true);
    expect(await visit(tunnel, '/')).toMatchObject({ status: 201 });
  });

  it('carries WebSockets, at most so many at once, and cuts them when the sandbox ends', async () => {
    const { answer, owner } = await world.create();
    const token = randomBytes(16).toString('hex');
    const tunnel = await open(owner, answer.sandbox_id, sha256(token));
    const first = upgraded(tunnel, token);
    const second = upgraded(tunnel, token);
    await first.has('101 Switching Protocols');
    await second.has('101 Switching Protocols');
    expect(seen.at(-1)?.url).toBe('/chat?room=1');
    first.socket.write('ping over the tunnel');
    await first.has('ping over the tunnel');
    expect(await visit(tunnel, '/', { 'x-tunnel-token': token })).toMatchObject({ status: 429 });
    const terminate = { owner, operationId: randomUUID(), sandboxId: answer.sandbox_id };
    await world.sandboxes.terminate.execute(terminate);
    await Promise.all([first.closed, second.closed]);
    expect(await visit(tunnel, '/', { 'x-tunnel-token': token })).toMatchObject({ status: 404 });
    expect(await world.sandboxes.tunnels.list.execute(owner, answer.sandbox_id)).toEqual({});
  });

  it('is sold to the owner only, for a port that was named, and no more than so many', async () => {
    const { answer, owner } = await world.create();
    const operation = world.operation('sandbox.tunnel');
    const body = (more: object) => operation.body.parse({ sandbox_id: answer.sandbox_id, port: PORT, public: true, ...more });
    await expect(operation.admit({ owner, body: body({}) })).resolves.toBeUndefined();
    await expect(operation.admit({ owner: wallet(), body: body({}) })).rejects.toMatchObject({ code: 'sandbox_not_found' });
    await expect(operation.admit({ owner, body: body({ port: 22 }) })).rejects.toMatchObject({ code: 'tunnel_port_not_named' });
    for (let count = 0; count < 3; count++) await open(owner, answer.sandbox_id, null);
    await expect(open(owner, answer.sandbox_id, null)).rejects.toMatchObject({ code: 'tunnel_limit_reached' });
    await expect(operation.admit({ owner, body: body({}) })).rejects.toMatchObject({ code: 'tunnel_limit_reached' });
    expect(Object.keys(await world.sandboxes.tunnels.list.execute(owner, answer.sandbox_id))).toEqual([String(PORT)]);
    const bad = [{ public: false }, { public: true, token_sha256: 'a'.repeat(64) }, { public: false, token_sha256: 'short' }];
    for (const wrong of bad) expect(() => body(wrong)).toThrow();
  });

  it('is not sold where tunnels have no place', async () => {
    const { answer, owner } = await world.create();
    const without = world.another({ TUNNEL_PUBLIC_URL: '' });
    await expect(without.tunnels.open.admit(owner, answer.sandbox_id, PORT)).rejects.toMatchObject({
      code: 'not_supported_here',
    });
  });

  it('after a crash: answers what was opened, opens nothing late, and closes what is not paid for', async () => {
    const { answer, owner } = await world.create();
    const operation = world.operation('sandbox.tunnel');
    const operationId = randomUUID();
    const call = { owner, operationId, sandboxId: answer.sandbox_id, containerPort: PORT, tokenSha256: null };
    const opened = await world.sandboxes.tunnels.open.execute(call);
    expect(await operation.outcomeOf(operationId)).toEqual({ kind: 'done', answer: { status: 200, body: opened } });
    await operation.revoke(operationId);
    expect(await visit(opened, '/')).toMatchObject({ status: 404 });
    const late = randomUUID();
    expect(await operation.outcomeOf(late)).toEqual({ kind: 'not_started' });
    await expect(world.sandboxes.tunnels.open.execute({ ...call, operationId: late })).rejects.toMatchObject({
      code: 'operation_interrupted',
    });
  });
});
