import { FacilitatorUnavailableError, type Facilitator } from '../application/ports/facilitator';
import {
  facilitatorRequest,
  readSettleAnswer,
  readVerifyAnswer,
  supportsNetwork,
  type SettleAnswer,
  type VerifyAnswer,
} from '../domain/facilitator';
import type { Network } from '../domain/networks';
import type { Payment } from '../domain/payment';

export interface HttpFacilitatorOptions {
  readonly url: string;
  readonly network: Network;
  readonly timeoutMs: number;
  /** Value of the Authorization header. */
  readonly authorization: string | undefined;
}

/** Of a requirement that the buyer accepted long ago; facilitators look at the authorization's own times. */
const MAX_TIMEOUT_SECONDS = 300;
const MAX_ANSWER_BYTES = 65_536;
/** There was no connection to send on. Everything else may have arrived. */
const NEVER_CONNECTED = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

interface HttpAnswer {
  readonly status: number;
  readonly json: unknown;
}

/** An x402 facilitator as its specification describes it: `/verify`, `/settle`, `/supported`. */
export class HttpFacilitator implements Facilitator {
  constructor(private readonly options: HttpFacilitatorOptions) {}

  /** Rejects when the facilitator does not settle `exact` on our network, or does not say. */
  async assertSupports(): Promise<void> {
    const { status, json } = await this.ask('supported', null).catch((cause: unknown) => {
      throw new FacilitatorUnavailableError(`FACILITATOR_URL: /supported got no answer (${reasonOf(cause)})`, { cause });
    });
    const supports = status === 200 ? supportsNetwork(json, this.options.network) : null;
    if (supports === null) throw new FacilitatorUnavailableError(`FACILITATOR_URL: /supported answered ${status}, not x402`);
    if (!supports) throw new Error(`FACILITATOR_URL: does not settle x402 2 "exact" on ${this.options.network.caip2}`);
  }

  async verify(payment: Payment): Promise<VerifyAnswer> {
    const answer = await this.ask('verify', this.bodyOf(payment)).catch((cause: unknown) => {
      throw new FacilitatorUnavailableError(`/verify got no answer (${reasonOf(cause)})`, { cause });
    });
    const verified = answer.status < 500 ? readVerifyAnswer(answer.json) : null;
    if (verified === null) throw new FacilitatorUnavailableError(`/verify answered ${answer.status}, not x402`);
    return verified;
  }

  async settle(payment: Payment): Promise<SettleAnswer> {
    let answer: HttpAnswer;
    try {
      answer = await this.ask('settle', this.bodyOf(payment));
    } catch (error) {
      return { kind: NEVER_CONNECTED.has(codeOf(error)) ? 'not_sent' : 'unknown', reason: reasonOf(error) };
    }
    const { status, json } = answer;
    const settled = status < 500 ? readSettleAnswer(json) : null;
    if (settled !== null) return settled;
    // A 4xx is a request that was not carried out; what stands in the body decides nothing either way.
    if (status >= 400 && status < 500) return { kind: 'refused', reason: `HTTP ${status}`, transactionHash: null };
    return { kind: 'unknown', reason: `HTTP ${status}` };
  }

  private bodyOf(payment: Payment): string {
    return JSON.stringify(facilitatorRequest(payment, this.options.network, MAX_TIMEOUT_SECONDS));
  }

  private async ask(what: 'verify' | 'settle' | 'supported', body: string | null): Promise<HttpAnswer> {
    const { url, timeoutMs, authorization } = this.options;
    const response = await fetch(`${url.replace(/\/+$/, '')}/${what}`, {
      method: body === null ? 'GET' : 'POST',
      headers: {
        accept: 'application/json',
        ...(body === null ? {} : { 'content-type': 'application/json' }),
        ...(authorization === undefined ? {} : { authorization }),
      },
      body,
      redirect: 'error', // a payment is sent where it was meant to go, or nowhere
      signal: AbortSignal.timeout(timeoutMs),
    });
    return { status: response.status, json: parseOrNull(await readBody(response)) };
  }
}

async function readBody(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk as Uint8Array);
    bytes += (chunk as Uint8Array).length;
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`an answer of more than ${MAX_ANSWER_BYTES} bytes`);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseOrNull(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null; // no JSON: read as an answer that makes no sense
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** The system's or the client's code of a failed connection, which stands in the cause; a deadline has none. */
function codeOf(error: unknown): string {
  const cause = isRecord(error) ? error['cause'] : undefined;
  return isRecord(cause) && typeof cause['code'] === 'string' ? cause['code'] : '';
}

function reasonOf(error: unknown): string {
  const code = codeOf(error);
  if (code !== '') return code;
  return isRecord(error) ? `${String(error['name'])}: ${String(error['message'])}`.slice(0, 200) : 'unknown error';
}
