import { legs, type Posting } from '../posting';

export interface SandboxCost {
  /** The operation that made the sandbox. */
  readonly operationId: string;
  /** Null for a sandbox that nobody bought. */
  readonly wallet: string | null;
  readonly endedAt: Date;
  readonly amountUsdE12: bigint;
}

/** A sandbox has ended, and the provider takes this for it. What costs nothing is not booked. */
export function providerCost({ operationId, wallet, endedAt, amountUsdE12 }: SandboxCost): Posting[] {
  return legs({ subject: operationId, event: 'provider_cost', operationId, wallet, eventAt: endedAt }, [
    { debit: 'provider_cost', credit: 'provider_payable', amount: amountUsdE12 },
  ]);
}
