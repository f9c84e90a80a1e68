import type { OperationRegistry } from '@tollbox/platform/operations/operation';
import type { Payment } from '../domain/payment';
import type { ConcludeClaim } from './conclude-claim';
import type { PaymentStore } from './ports/payment-store';

/** Recovering asks the provider at most, so a recoverer that died is replaced after this time. */
const RECOVERY_LEASE_MS = 30_000;

/**
 * Ends the claims of processes that died. One process takes a claim over; the operation's own records decide. When they
 * cannot be read the claim stays, and somebody asks again after the lease.
 */
export class RecoverClaim {
  constructor(
    private readonly store: PaymentStore,
    private readonly conclude: ConcludeClaim,
    private readonly operations: OperationRegistry,
    private readonly leaseHolder: string,
  ) {}

  /** @param requestId names the request, or the pass of the worker, that found the claim. */
  async recover(payment: Payment, requestId: string): Promise<void> {
    const holder = `${this.leaseHolder}:recovery:${requestId}`;
    const claim = await this.store.takeOverExpiredClaim(payment.id, payment.attempt, holder, RECOVERY_LEASE_MS);
    if (claim === null) return;
    const outcome = await this.operations.get(payment.operation).outcomeOf(payment.operationId);
    await this.conclude.fromOutcome(claim, outcome, requestId);
  }

  async recoverAll(limit: number, requestId: string): Promise<number> {
    const expired = await this.store.listExpiredClaims(limit);
    for (const payment of expired) await this.recover(payment, requestId);
    return expired.length;
  }
}
