import type { Payment } from '../domain/payment';
import type { LookAtTransfer } from './look-at-transfer';
import type { EvmChain } from './ports/evm-chain';
import type { FacilitatorStore, Submission } from './ports/facilitator';
import type { SettlementStore, Verdict } from './ports/settlement-store';
import type { ResolvePayment } from './resolve-payment';

/** `payable`: the chain would still take it, and the facilitator may be asked again. */
export type SubmissionState = 'ended' | 'open' | 'payable';

const isOpen = ({ state }: Payment): boolean => state === 'broadcast' || state === 'unknown';

/** Decides what was handed over, from the chain alone: the facilitator's answer says only where to look. */
export class ResolveSubmission {
  constructor(
    private readonly store: FacilitatorStore,
    private readonly settlements: SettlementStore,
    private readonly chain: EvmChain,
    private readonly resolve: ResolvePayment,
    private readonly look: LookAtTransfer,
    private readonly unknownAfterMs: number,
  ) {}

  async resolveNow(submission: Submission): Promise<SubmissionState> {
    const { payment, round } = submission;
    if (!isOpen(payment) || payment.round !== round) {
      await this.store.close(submission);
      return 'ended';
    }
    const verdict = await this.verdictOf(submission);
    if (verdict === 'payable' || verdict === null) {
      await this.noteUnknown(submission);
      return verdict ?? 'open';
    }
    await this.settlements.decide([verdict]);
    await this.store.close(submission);
    return 'ended';
  }

  private async verdictOf(submission: Submission): Promise<Verdict | 'payable' | null> {
    const { payment, transactionHash } = submission;
    if (transactionHash !== null) {
      const mined = await this.chain.minedTransaction(transactionHash);
      // Never alone: a hash that is not ours to check may be of anything, so it disproves nothing.
      if (mined !== null) return this.resolve.fromMined(payment, transactionHash, mined, false);
    }
    const outlook = await this.look.outlook(payment);
    if (outlook.kind === 'used') return this.resolve.fromUsedNonce(payment);
    if (outlook.kind === 'refused') return this.resolve.fromRefusal(payment, outlook.reason);
    if (submission.answer !== 'refused') return 'payable';
    // The facilitator sent nothing, or a transaction that is still looked for.
    if (transactionHash !== null && submission.askedMsAgo < this.unknownAfterMs) return null;
    return { payment, to: 'queued', reason: `facilitator_refused: ${submission.reason ?? 'no reason given'}` };
  }

  private async noteUnknown({ payment, answer, askedMsAgo }: Submission): Promise<void> {
    if (payment.state !== 'broadcast') return;
    if (answer === 'unknown' || askedMsAgo > this.unknownAfterMs) await this.settlements.decide([{ payment, to: 'unknown' }]);
  }
}
