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

/**
 * A JSON-RPC node with faults in front of the real chain. While it lags, it answers state (`eth_call`) as of an older
 * block and hides newer receipts and events, as one node of a balanced endpoint does that is behind the others. It can
 * also be down, slow, refuse methods, and hide what it has.
 */
export class LaggingNode {
  /** Block that state is answered from; null answers like the chain. */
  stateAtBlock: bigint | null = null;
  hidesEvents = false;
  /** Methods that are answered with null, as by a node that does not have the thing. */
  readonly hides = new Set<string>();
  /** Methods that are answered with an error. */
  readonly refuses = new Set<string>();
  /** Breaks every connection. */
  isDown = false;
  delayMs = 0;

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
    const atBlock = this.stateAtBlock;
    if (atBlock !== null && call.method === 'eth_call') call.params = [call.params?.[0], `0x${atBlock.toString(16)}`];
    const response = await fetch(this.upstream, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(call),
    });
    return response.text();
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
