import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { ChainUnavailableError, RpcRefusedError } from './chain-unavailable';

export interface RpcCall {
  readonly method: string;
  readonly params: readonly unknown[];
}

export type RpcAnswer =
  | { readonly kind: 'result'; readonly result: unknown }
  /** The node understood the call and refused it. */
  | { readonly kind: 'error'; readonly code: number; readonly message: string };

interface WireAnswer {
  readonly id?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly code?: unknown; readonly message?: unknown };
}

const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** JSON-RPC over connections that stay open; several calls share one request. */
export class JsonRpc {
  private readonly agent: HttpAgent | HttpsAgent;
  private readonly request: typeof httpRequest;

  constructor(
    private readonly url: string,
    private readonly timeoutMs: number,
  ) {
    const isHttps = url.startsWith('https:');
    this.agent = new (isHttps ? HttpsAgent : HttpAgent)({ keepAlive: true, maxSockets: 16 });
    this.request = isHttps ? httpsRequest : httpRequest;
  }

  /** Answers in the order of the calls. Rejects with ChainUnavailableError when one of them got none. */
  async ask(calls: readonly RpcCall[]): Promise<readonly RpcAnswer[]> {
    if (calls.length === 0) return [];
    const wire = calls.map(({ method, params }, id) => ({ jsonrpc: '2.0', id, method, params }));
    const body = JSON.stringify(wire.length === 1 ? wire[0] : wire);
    const answers = await this.post(body).catch((error: unknown) => this.unavailable(calls, error));
    const byId = new Map((Array.isArray(answers) ? answers : [answers]).map((answer: WireAnswer) => [answer.id, answer]));
    // A refusal of the request itself carries no id.
    const isAlone = calls.length === 1 && !Array.isArray(answers);
    const answerTo = (id: number): WireAnswer | undefined => (isAlone ? (answers as WireAnswer) : byId.get(id));
    return calls.map((_, id) => toAnswer(answerTo(id)) ?? this.unavailable(calls, new Error('the node left a call unanswered')));
  }

  /** The result of one call. Rejects with RpcRefusedError when the node refuses, else as `ask`. */
  async one(method: string, params: readonly unknown[]): Promise<unknown> {
    const [answer] = await this.ask([{ method, params }]);
    return resultOf(answer, method);
  }

  close(): void {
    this.agent.destroy();
  }

  private unavailable(calls: readonly RpcCall[], cause: unknown): never {
    if (cause instanceof ChainUnavailableError) throw cause;
    const methods = [...new Set(calls.map(({ method }) => method))].join(', ');
    throw new ChainUnavailableError(`${methods} failed: ${cause instanceof Error ? cause.message : 'unknown error'}`, { cause });
  }

  /** Repeats once when an idle connection turns out to be closed; every call that is made here may be repeated. */
  private async post(body: string): Promise<unknown> {
    try {
      return await this.exchange(body);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error;
      return this.exchange(body);
    }
  }

  private exchange(body: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
      const signal = AbortSignal.timeout(this.timeoutMs); // of the whole exchange, not of a pause in it
      const sent = this.request(this.url, { method: 'POST', agent: this.agent, headers, signal }, (response) => {
        read(response).then(resolve, reject);
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }
}

async function read(response: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) throw new Error('the answer is too large');
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  if (response.statusCode === 200) return JSON.parse(text) as unknown;
  // Some nodes refuse a call with a status as well.
  const refusal = parsedOr(text, null) as WireAnswer | null;
  if (typeof refusal?.error?.message === 'string') return refusal;
  throw new Error(`the node answered HTTP ${response.statusCode}`);
}

function parsedOr(text: string, otherwise: null): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return otherwise;
  }
}

function toAnswer(answer: WireAnswer | undefined): RpcAnswer | null {
  if (answer?.error !== undefined) {
    const { code, message } = answer.error;
    return {
      kind: 'error',
      code: typeof code === 'number' ? code : 0,
      message: typeof message === 'string' ? message : 'no reason given',
    };
  }
  return answer === undefined || !('result' in answer) ? null : { kind: 'result', result: answer.result };
}

/** The result of a call that has no business failing. */
export function resultOf(answer: RpcAnswer | undefined, what: string): unknown {
  if (answer?.kind === 'result') return answer.result;
  if (answer?.kind === 'error') throw new RpcRefusedError(what, answer.code, answer.message);
  throw new ChainUnavailableError(`${what} failed: no answer`);
}
