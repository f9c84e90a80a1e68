import type { PrivateKeyAccount } from 'viem/accounts';
import { receiptOf, type Answer, type SandboxCall, type Stack } from './stack';

/** A paid call as its buyer saw it: what staff reads must agree with it. */
export interface Purchase {
  readonly payer: string;
  readonly call: SandboxCall;
  readonly sandboxId: string;
  readonly paymentId: string;
  readonly transaction: string;
  readonly amountAtomic: bigint;
  readonly priceAtomic: bigint;
  readonly version: 1 | 2;
}

const PRICE_ATOMIC = { create: 10_000n, exec: 1_000n, status: 1_000n, terminate: 1_000n } as const;

/** The buyers' own books: every call that was bought through it, in order. */
export class Purchases {
  readonly all: Purchase[] = [];

  constructor(private readonly stack: Stack) {}

  /** One paid call that must succeed. With `more` the buyer pays that much over the price, which only v1 allows. */
  async buy(payer: PrivateKeyAccount, call: SandboxCall, body: object, more = 0n): Promise<Answer> {
    const priceAtomic = PRICE_ATOMIC[call];
    const amountAtomic = priceAtomic + more;
    const version = more > 0n ? 1 : 2;
    const headers = await this.stack.header(payer, call, { version, amountAtomic });
    const answer = await this.stack.post(`/api/v1/modal/sandbox/${call}`, body, headers);
    if (answer.status !== 200) throw new Error(`${call} was answered ${answer.status}: ${answer.text}`);
    this.all.push({
      payer: payer.address.toLowerCase(),
      call,
      sandboxId: answer.body.sandbox_id as string,
      paymentId: answer.headers.get('x-payment-id') ?? '',
      transaction: String(receiptOf(answer)['transaction']),
      amountAtomic,
      priceAtomic,
      version,
    });
    return answer;
  }
}

export const sumOf = (amounts: readonly bigint[]): string => amounts.reduce((total, amount) => total + amount, 0n).toString();
