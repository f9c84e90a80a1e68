import { ExactEvmScheme } from '@x402/evm';
import { wrapFetchWithPaymentFromConfig } from '@x402/fetch';
import { privateKeyToAccount } from 'viem/accounts';
import { DevAccount } from '../chain';
import { item, usdc } from './printer';

const CALL_TIMEOUT_MS = 90_000;

interface Terms {
  readonly accepts: readonly [
    { readonly network: string; readonly amount: string; readonly asset: string; readonly payTo: string },
  ];
}
interface Payment {
  readonly payload: { readonly authorization: { readonly from: string; readonly value: string; readonly nonce: string } };
}
export interface Receipt {
  readonly success: boolean;
  readonly transaction: string;
  readonly network: string;
  readonly payer: string;
}

/** A paid call as it went over the wire. */
export interface PaidCall {
  readonly operation: string;
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly receipt: Receipt | null;
  readonly amountAtomic: bigint;
  readonly nonce: string;
  /** Statuses of the HTTP exchanges, in order: 402 and then the answer. */
  readonly statuses: readonly number[];
}

/** x402 puts its objects into headers as base64 of JSON. The answers are printed and checked, so their shape is only assumed here. */
function decode(header: string | null): unknown {
  return header === null ? null : JSON.parse(Buffer.from(header, 'base64').toString('utf8'));
}

/** Buys with the official x402 v2 client, unmodified, and prints what it sends and receives. */
export class Buyer {
  readonly address: string;

  constructor(
    private readonly gatewayUrl: string,
    private readonly wallet: DevAccount,
  ) {
    this.address = wallet.address;
  }

  async call(operation: string, body: Readonly<Record<string, unknown>>): Promise<PaidCall> {
    const path = `/api/v1/modal/sandbox/${operation}`;
    const trace = { statuses: [] as number[], amountAtomic: 0n, nonce: '' };
    const watched: typeof fetch = async (input, init) => {
      const request = new Request(input, init);
      const payment = decode(request.headers.get('payment-signature')) as Payment | null;
      if (payment === null) item('request', `POST ${path} ${JSON.stringify(body)}`);
      else {
        const { from, value, nonce } = payment.payload.authorization;
        Object.assign(trace, { amountAtomic: BigInt(value), nonce });
        item('payment', `${usdc(BigInt(value))} signed by ${from}, nonce ${nonce.slice(0, 18)}…`);
      }
      const response = await fetch(request);
      trace.statuses.push(response.status);
      const terms = decode(response.headers.get('payment-required')) as Terms | null;
      if (response.status === 402 && terms !== null) {
        const [{ amount, network, asset, payTo }] = terms.accepts;
        item('402 terms', `${usdc(BigInt(amount))} on ${network}, asset ${asset}, to ${payTo}`);
      }
      return response;
    };
    const schemes = [{ network: 'eip155:*' as const, client: new ExactEvmScheme(privateKeyToAccount(this.wallet.privateKey)) }];
    const pay = wrapFetchWithPaymentFromConfig(watched, { schemes });
    const started = performance.now();
    const response = await pay(`${this.gatewayUrl}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
    });
    const answer = (await response.json()) as Record<string, unknown>;
    const elapsedMs = Math.round(performance.now() - started);
    const receipt = decode(response.headers.get('payment-response')) as Receipt | null;
    item('answer', `${response.status} ${JSON.stringify(answer)}`);
    item('transaction', receipt === null ? 'none' : receipt.transaction);
    item('time', `${elapsedMs} ms`);
    return { operation, status: response.status, body: answer, receipt, ...trace };
  }
}
