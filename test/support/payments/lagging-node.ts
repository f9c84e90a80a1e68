import { setTimeout as sleep } from 'node:timers/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

interface RpcCall {
  method: string;
  params?: unknown[];
}

interface IdentifiedCall extends RpcCall {
  id: number;
}

/** What is told instead of the truth: an answer, an error, or undefined for the truth, which then counts as no lie. */
// Each method has its own kind of truth.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Lie = (truth: any, params: readonly unknown[]) => unknown;

/**
 * A JSON-RPC node with faults in front of the real chain. While it lags, it answers state (`eth_call`) as of an older
 * block and hides newer receipts and events, as one node of a balanced endpoint does that is behind the others. It can
 * also be down, slow, refuse methods, hide what it has, and lie.
 */
export class LaggingNode {
  /** Block that state is answered from; null answers like the chain. */
  stateAtBlock: bigint | null = null;
  hidesEvents = false;
  /** Methods that are answered with null, as by a node that does not have the thing. */
  readonly hides = new Set<string>();
  /** Methods that are answered with an error. */
  readonly refuses = new Set<string>();
  /** How many more transactions it takes; it answers for the others and forgets them. */
  takesTransactions = Infinity;
  /** Breaks every connection. */
  isDown = false;
  delayMs = 0;

  private readonly lies: { method: string; left: number; tell: Lie }[] = [];

  private constructor(
    private readonly upstream: string,
    private readonly server: Server,
  ) {}

  static async start(upstream: string): Promise<LaggingNode> {
    const server = createServer();
    const node = new LaggingNode(upstream, server);
    server.on('request', (request, response) => {
      if (node.isDown) {
        request.socket.destroy();
        return;
      }
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        node.answer(Buffer.concat(chunks).toString()).then(
          (text) => response.writeHead(200, { 'content-type': 'application/json' }).end(text),
          () => response.destroy(),
        );
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return node;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  private async answer(text: string): Promise<string> {
    if (this.delayMs > 0) await sleep(this.delayMs);
    const request = JSON.parse(text) as IdentifiedCall | IdentifiedCall[];
    if (!Array.isArray(request)) return this.answerOne(request);
    return `[${(await Promise.all(request.map((call) => this.answerOne(call)))).join(',')}]`;
  }

  private async answerOne(call: IdentifiedCall): Promise<string> {
    if (this.hidesEvents && call.method === 'eth_getLogs') return JSON.stringify({ jsonrpc: '2.0', id: call.id, result: [] });
    if (this.hides.has(call.method)) return JSON.stringify({ jsonrpc: '2.0', id: call.id, result: null });
    if (this.refuses.has(call.method))
      return JSON.stringify({ jsonrpc: '2.0', id: call.id, error: { code: -32000, message: 'refused by the test' } });
    if (call.method === 'eth_sendRawTransaction' && --this.takesTransactions < 0)
      return JSON.stringify({ jsonrpc: '2.0', id: call.id, result: `0x${'00'.repeat(32)}` });
    const atBlock = this.stateAtBlock;
    if (atBlock !== null && call.method === 'eth_call') call.params = [call.params?.[0], `0x${atBlock.toString(16)}`];
    const response = await fetch(this.upstream, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(call),
    });
    return this.lieAbout(call, await response.text());
  }

  /** The chain has done what was asked; only what is told of it is false. */
  private lieAbout(call: IdentifiedCall, text: string): string {
    const lie = this.lies.find(({ method, left }) => method === call.method && left > 0);
    const { result: truth } = JSON.parse(text) as { result?: unknown };
    if (lie === undefined || truth === undefined) return text;
    const told = lie.tell(truth, call.params ?? []);
    if (told === undefined) return text;
    lie.left -= 1;
    const answer = told instanceof Error ? { error: { code: -32603, message: told.message } } : { result: told };
    return JSON.stringify({ jsonrpc: '2.0', id: call.id, ...answer });
  }

  /** The next `times` answers to the method are lies. */
  lie(method: string, times: number, tell: Lie): void {
    this.lies.push({ method, left: times, tell });
  }

  /** Whether every lie has been told. */
  get isTruthful(): boolean {
    return this.lies.every(({ left }) => left === 0);
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
