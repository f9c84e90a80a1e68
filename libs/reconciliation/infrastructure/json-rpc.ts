/** The node answered, and refused. */
export class RpcError extends Error {
  constructor(
    method: string,
    readonly code: number,
    message: string,
  ) {
    super(`${method}: ${message}`);
    this.name = 'RpcError';
  }
}

/** JSON-RPC over HTTP. It rejects with RpcError when the node refuses, and with another error when it does not answer. */
export class JsonRpc {
  private calls = 0;

  constructor(
    private readonly url: string,
    private readonly timeoutMs: number,
  ) {}

  async call<T>(method: string, params: readonly unknown[]): Promise<T> {
    const response = await fetch(this.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: ++this.calls, method, params }),
      signal: AbortSignal.timeout(this.timeoutMs),
    });
    const answer = (await response.json()) as { result?: T; error?: { code: number; message: string } };
    if (answer.error !== undefined) throw new RpcError(method, answer.error.code, answer.error.message);
    if (!response.ok || answer.result === undefined)
      throw new Error(`${method}: the node answered ${response.status} without a result`);
    return answer.result;
  }
}
