import { replacementPrice } from '@tollbox/platform/chain/gas-price';
import type { HeldLease } from '@tollbox/platform/database/leases';
import type { PhaseObserver } from '@tollbox/platform/faults/phase-boundaries';
import type { Refund } from '../domain/refund';
import { LeaseLostError, newestOf, type Payout, type PayoutStore } from './ports/payout-store';
import type { FeeQuote, Hex, RefundWallet, Transfer } from './ports/refund-wallet';

export interface PayOutOptions {
  readonly maxFeePerGasWei: bigint;
  readonly gasLimit: bigint;
  readonly maxInFlight: number;
  /** Pause before a refund that could not be sent is tried again. */
  readonly retryMs: number;
  readonly phases: PhaseObserver;
  readonly onProblem: (error: unknown, what: string) => void;
}

export const transferOf = (refund: Refund): Transfer => ({ to: refund.wallet as Hex, amountAtomic: refund.amountAtomic });

/** Sends what is queued and what the float covers. A refund that it does not cover waits, and those behind it go on. */
export class PayOut {
  constructor(
    private readonly store: PayoutStore,
    private readonly wallet: RefundWallet,
    private readonly options: PayOutOptions,
  ) {}

  /** @param open payouts that are on their way. Returns how many were started. */
  async payOut(lease: HeldLease, open: readonly Payout[]): Promise<number> {
    const { maxInFlight, gasLimit, maxFeePerGasWei } = this.options;
    if (open.length >= maxInFlight) return 0;
    const [funds, fees, minedNonce] = await Promise.all([this.wallet.funds(), this.wallet.fees(), this.wallet.minedNonce(0)]);
    if (fees.maxFeePerGasWei > maxFeePerGasWei) return 0;
    // A payout that is in a block which the store has not seen yet counts twice here: too careful, until the next pass.
    let freeAtomic = funds.usdcAtomic - open.reduce((sum, { refund }) => sum + refund.amountAtomic, 0n);
    await this.store.noteTooLarge(freeAtomic);
    const queued = await this.store.queued(freeAtomic, maxInFlight - open.length);
    const storedNonce = await this.store.nextStoredNonce(this.wallet.address);
    let nonce = storedNonce > minedNonce ? storedNonce : minedNonce;
    let freeGasWei = funds.ethWei - BigInt(open.length) * gasLimit * fees.maxFeePerGasWei;
    let started = 0;
    for (const refund of queued) {
      if (refund.amountAtomic > freeAtomic) continue; // an older one took it in this pass; the next pass says so
      if (!(await this.maySend(refund, freeGasWei >= gasLimit * fees.maxFeePerGasWei))) continue;
      if (!(await this.start(lease, refund, nonce, fees))) continue;
      nonce += 1n;
      started += 1;
      freeAtomic -= refund.amountAtomic;
      freeGasWei -= gasLimit * fees.maxFeePerGasWei;
    }
    return started;
  }

  /** Signs the same payment at the price that gas has now, or an eighth more than before. Above the ceiling it waits as it is. */
  async raisePrice(lease: HeldLease, payout: Payout): Promise<void> {
    const previous = this.wallet.feesOf(newestOf(payout).raw);
    const fees = replacementPrice(previous, await this.wallet.fees(), this.options.maxFeePerGasWei);
    if (fees === null) return;
    const signed = await this.wallet.sign(transferOf(payout.refund), payout.evmNonce, this.options.gasLimit, fees);
    const replaced = await this.store.storeReplacement(lease, payout, this.wallet.address, signed);
    if (replaced === null) return;
    this.options.phases.reached('refund_stored');
    await this.submit(replaced);
  }

  /** Sends the newest stored bytes. An error leaves them stored: the resolver sends them again. */
  async submit(payout: Payout): Promise<void> {
    try {
      const newest = newestOf(payout);
      await this.wallet.send(newest.raw);
      this.options.phases.reached('refund_sent');
      await this.store.markSent(newest);
    } catch (error) {
      this.options.onProblem(error, `sending refund ${payout.refund.id}`);
    }
  }

  private async maySend(refund: Refund, hasGas: boolean): Promise<boolean> {
    const refusal = hasGas ? await this.wallet.refusalOf(transferOf(refund)) : 'the refund wallet has too little ETH for gas';
    if (refusal === null) return true;
    await this.store.noteWaiting(refund.id, refusal, this.options.retryMs);
    return false;
  }

  private async start(lease: HeldLease, refund: Refund, nonce: bigint, fees: FeeQuote): Promise<boolean> {
    try {
      const signed = await this.wallet.sign(transferOf(refund), nonce, this.options.gasLimit, fees);
      const payout = await this.store.storePayout(lease, refund, this.wallet.address, nonce, signed);
      if (payout === null) return false;
      this.options.phases.reached('refund_stored');
      await this.submit(payout);
      return true;
    } catch (error) {
      if (error instanceof LeaseLostError) throw error;
      this.options.onProblem(error, `paying out refund ${refund.id}`);
      await this.store.noteWaiting(refund.id, error instanceof Error ? error.message : 'unknown error', this.options.retryMs);
      return false;
    }
  }
}
