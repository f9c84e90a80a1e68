import type { OperationRegistry } from '@tollbox/platform/operations/operation';
import type { PaymentStore } from './ports/payment-store';

/** Takes back what operations gave whose payment failed or expired: nobody will pay for it any more. */
export class RevokeRefused {
  constructor(
    private readonly store: PaymentStore,
    private readonly operations: OperationRegistry,
    private readonly onProblem: (error: unknown, what: string) => void,
  ) {}

  async revokeAll(limit: number): Promise<void> {
    for (const payment of await this.store.listToRevoke(limit)) {
      try {
        await this.operations.get(payment.operation).revoke(payment.operationId);
        await this.store.markRevoked(payment.id);
      } catch (error) {
        this.onProblem(error, `taking back operation ${payment.operationId}`); // stays listed: the next pass tries again
      }
    }
  }
}
