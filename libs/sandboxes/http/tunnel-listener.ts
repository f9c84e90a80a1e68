import { createServer, request as httpRequest, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import type { TunnelAddresses } from '../domain/tunnel';
import type { Passage, PassTunnel } from '../application/tunnels/pass-tunnel';
import type { TunnelSettings } from '../application/tunnels/tunnel-settings';
import { endToEnd, forwarded, type Forwarded } from './tunnel-headers';

export interface ListenerSettings extends Pick<TunnelSettings, 'maxConnectionsPerTunnel' | 'maxConnectionBytes' | 'idleMs'> {
  readonly bind: string;
  readonly port: number;
  readonly maxConnections: number;
  readonly onProblem: (error: unknown) => void;
}

type Open = Extract<Passage, { kind: 'open' }>;

const MAX_HEADER_BYTES = 16_384;
const HEADERS_TIMEOUT_MS = 10_000;
/** How soon the connections of a sandbox that ended are cut. */
const LOOK_INTERVAL_MS = 1_000;

/**
 * The tunnels' own HTTP server: it has nothing of the gateway's routes, and forwards requests and upgrades to the port that
 * the tunnel's row names. A connection is cut once its tunnel is no longer open.
 */
export class TunnelListener {
  private readonly server: Server;
  private readonly connections = new Map<Socket, string>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly pass: PassTunnel,
    private readonly addresses: TunnelAddresses,
    private readonly settings: ListenerSettings,
  ) {
    this.server = createServer({ maxHeaderSize: MAX_HEADER_BYTES, headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: 0 });
    this.server.maxConnections = settings.maxConnections;
    this.server.on('connection', (socket: Socket) => {
      socket.on('error', () => socket.destroy());
      socket.on('close', () => this.connections.delete(socket));
    });
    this.server.setTimeout(settings.idleMs, (socket) => socket.destroy());
    this.server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      this.forward(request, response).catch((error: unknown) => this.fail(response, error));
    });
    this.server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      this.upgrade(request, socket, head).catch((error: unknown) => {
        this.settings.onProblem(error);
        refuseSocket(socket, 502);
      });
    });
  }

  async start(): Promise<AddressInfo> {
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(this.settings.port, this.settings.bind, resolve);
    });
    this.timer = setInterval(() => void this.cutEnded().catch(this.settings.onProblem), LOOK_INTERVAL_MS);
    return this.server.address() as AddressInfo;
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    if (!this.server.listening) return;
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    for (const socket of this.connections.keys()) socket.destroy();
    await closed;
  }

  /** Null after an answer that says why not. */
  private async enter(request: IncomingMessage, refuse: (status: number) => void): Promise<(Forwarded & Open) | null> {
    const tunnelId = this.addresses.idIn(request.headers.host ?? '');
    if (tunnelId === null) {
      refuse(404);
      return null;
    }
    const onward = forwarded(request.url ?? '/', request.rawHeaders);
    const passage = await this.pass.admit(tunnelId, onward.tokens);
    if (passage.kind !== 'open') {
      refuse(passage.kind === 'unknown' ? 404 : 401);
      return null;
    }
    if (!this.hasRoom(request.socket, tunnelId)) {
      refuse(429);
      return null;
    }
    this.connections.set(request.socket, tunnelId);
    return { ...onward, ...passage };
  }

  private hasRoom(socket: Socket, tunnelId: string): boolean {
    if (this.connections.get(socket) === tunnelId) return true;
    const open = [...this.connections.values()].filter((id) => id === tunnelId).length;
    return open < this.settings.maxConnectionsPerTunnel;
  }

  private async forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const onward = await this.enter(request, (status) => refuse(response, status));
    if (onward === null) return;
    const { host, port, path, headers } = onward;
    const inner = httpRequest({ host, port, path, method: request.method, headers, agent: false, setHost: false });
    inner.setTimeout(this.settings.idleMs, () => inner.destroy());
    inner.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, endToEnd(answer.rawHeaders));
      answer.pipe(response);
      answer.on('error', () => response.destroy());
    });
    inner.on('error', () => (response.headersSent ? response.destroy() : refuse(response, 502)));
    response.on('close', () => inner.destroy());
    request.pipe(inner);
  }

  private async upgrade(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    const onward = await this.enter(request, (status) => refuseSocket(socket, status));
    if (onward === null) return;
    socket.setTimeout(this.settings.idleMs, () => socket.destroy());
    const inner = connect(onward.port, onward.host);
    inner.setTimeout(this.settings.idleMs, () => inner.destroy());
    inner.on('error', () => (inner.bytesRead === 0 ? refuseSocket(socket, 502) : socket.destroy()));
    inner.on('close', () => socket.destroy());
    socket.on('close', () => inner.destroy());
    inner.on('connect', () => {
      const lines = [
        `${request.method ?? 'GET'} ${onward.path} HTTP/1.1`,
        'Connection: Upgrade',
        `Upgrade: ${request.headers.upgrade ?? ''}`,
      ];
      for (let at = 0; at + 1 < onward.headers.length; at += 2)
        lines.push(`${onward.headers[at] ?? ''}: ${onward.headers[at + 1] ?? ''}`);
      inner.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
      inner.write(head);
      inner.pipe(socket);
      socket.pipe(inner);
    });
  }

  private async cutEnded(): Promise<void> {
    const ids = [...new Set(this.connections.values())];
    if (ids.length === 0) return;
    const open = await this.pass.stillOpen(ids);
    for (const [socket, id] of this.connections) {
      const bytes = socket.bytesRead + socket.bytesWritten;
      if (!open.has(id) || bytes > this.settings.maxConnectionBytes) socket.destroy();
    }
  }

  private fail(response: ServerResponse, error: unknown): void {
    this.settings.onProblem(error);
    if (response.headersSent) response.destroy();
    else refuse(response, 502);
  }
}

const TEXTS: Readonly<Record<number, string>> = {
  401: 'A token is needed: send it as X-Tunnel-Token, as the cookie tunnel_token or as ?tunnel_token=.',
  404: 'There is no such tunnel, or its sandbox has ended.',
  429: 'This tunnel has as many connections as it may have.',
  502: 'Nothing in the sandbox answers on this port.',
};

function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' });
  response.end(`${TEXTS[status] ?? ''}\n`);
}

function refuseSocket(socket: Socket, status: number): void {
  socket.end(
    `HTTP/1.1 ${status} Refused\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n${TEXTS[status] ?? ''}\n`,
  );
}
