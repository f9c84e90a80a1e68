import { replacementPrice } from '@tollbox/platform/chain/gas-price';
import type { PhaseObserver } from '@tollbox/platform/faults/phase-boundaries';
import type { OpenBatch, OpenBatches } from './open-batches';
import type { MinedTransaction } from './ports/evm-chain';
import type { FollowReport } from './ports/settlement-rail';
import type { Lease, SettlementStore, StoredBatch, Verdict } from './ports/settlement-store';
import type { KeyLook, SettlementWallet } from './ports/settlement-wallet';
import type { ResolvePayment } from './resolve-payment';
import type { SendBatch } from './send-batch';

export interface FollowBatchesOptions {
  /** A payment whose transaction has no receipt after this time is `unknown`. */
  readonly unknownAfterMs: number;
  /** Bytes without a receipt are given to the node again after this time. */
  readonly rebroadcastAfterMs: number;
  /** A transaction that is not mined after this time gets a better price. */
  readonly bumpAfterMs: number;
  /** A nonce that is used without a receipt of ours is believed to be somebody else's only after this time. */
  readonly dropAfterMs: number;
  readonly maxFeePerGasWei: bigint;
  readonly phases: PhaseObserver;
  readonly onProblem: (error: unknown, what: string) => void;
}

/** How often what has no receipt is looked after: nonces, prices, times. */
const ATTEND_EVERY_MS = 200;
/** A payment without an end is asked for again after this time. */
const RETRY_MS = 200;
/** Dropped transactions are looked at again this long; one by whose hash a payment is settled, until its receipt shows. */
const DROPPED_FOR_MS = 86_400_000;

/** Follows the batches of one key to their end: mined under any of their hashes, or displaced by another transaction. */
export class FollowBatches {
  private attendAtMs = 0;
  private droppedAtMs = 0;

  constructor(
    private readonly store: SettlementStore,
    private readonly wallet: SettlementWallet,
    private readonly resolve: ResolvePayment,
    private readonly sender: SendBatch,
    private readonly open: OpenBatches,
    private readonly options: FollowBatchesOptions,
  ) {}

  async follow(lease: Lease): Promise<FollowReport> {
    await this.open.refresh(lease);
    await this.lookAtDropped();
    const batches = this.open.all.filter((batch) => batch.lookAgainAtMs <= Date.now());
    if (batches.length === 0) return { open: this.open.all.length, ended: 0 };
    const receipts = await this.receiptsOf(batches);
    const mined = batches.filter((batch) => receipts.has(batch));
    const ended = await Promise.all(mined.map((batch) => this.conclude(batch, receipts.get(batch))));
    const unmined = batches.filter((batch) => !receipts.has(batch));
    if (unmined.length > 0 && Date.now() >= this.attendAtMs) {
      this.attendAtMs = Date.now() + ATTEND_EVERY_MS;
      await this.attend(lease, unmined);
    }
    return { open: this.open.all.length, ended: ended.filter((isEnded) => isEnded).length };
  }

  private async receiptsOf(batches: readonly OpenBatch[]): Promise<Map<OpenBatch, Found>> {
    const hashes = batches.flatMap((batch) => batch.hashes.map((hash) => ({ batch, hash })));
    try {
      const answers = await this.wallet.receipts(hashes.map(({ hash }) => hash));
      const found = new Map<OpenBatch, Found>();
      hashes.forEach(({ batch, hash }, index) => {
        const mined = answers[index];
        if (mined != null) found.set(batch, { hash, mined });
      });
      return found;
    } catch (error) {
      await this.noteUnknown(batches);
      throw error;
    }
  }

  /** The batch is in a block: all of its payments, its gas and itself end together. */
  private async conclude(batch: OpenBatch, found: Found | undefined): Promise<boolean> {
    if (found === undefined) return false;
    const { hash, mined } = found;
    this.options.phases.reached('transaction_mined');
    try {
      const payments = await batch.payments(this.store);
      const wasAlone = batch.stored.paymentCount === 1;
      const verdicts = await Promise.all(payments.map((payment) => this.resolve.fromMined(payment, hash, mined, wasAlone)));
      const clear = verdicts.filter((verdict) => verdict !== null);
      const isWhole = clear.length === verdicts.length && !contradicts(clear, hash, mined);
      if (isWhole && (await this.store.conclude(batch.id, hash, mined, clear))) {
        this.open.remove(batch);
        return true;
      }
      // Some stay open for now, or the receipt is not believed; what is clear need not wait for that.
      if (!isWhole) await this.store.decide(clear);
    } catch (error) {
      this.options.onProblem(error, `ending ${hash}`);
    }
    batch.forgetPayments();
    batch.lookAgainAtMs = Date.now() + RETRY_MS;
    return false;
  }

  private async attend(lease: Lease, batches: readonly OpenBatch[]): Promise<void> {
    await this.store.markSent(
      batches.flatMap((batch) => (batch.sent.size > 0 && batch.ageMs() > ATTEND_EVERY_MS ? [...batch.sent] : [])),
    );
    await this.noteUnknown(batches);
    const look = await this.wallet.look();
    const passed = batches.filter((batch) => batch.stored.evmNonce < look.minedNonce);
    const waiting = batches.filter((batch) => batch.stored.evmNonce >= look.minedNonce);
    for (const batch of passed) await this.afterPassed(batch, look);
    for (const batch of waiting) batch.passedAtMs = null;
    await this.fillGap(lease, waiting, look);
    for (const batch of waiting) await this.raisePrice(lease, batch, look);
    await this.sender.submit(waiting.filter((batch) => this.isDueAgain(batch)));
    for (const batch of batches) await this.expirePayments(batch);
  }

  /** The nonce is used and no receipt is there: a node that hides ours, or a transaction of somebody else. */
  private async afterPassed(batch: OpenBatch, look: KeyLook): Promise<void> {
    batch.passedAtMs ??= Date.now();
    if (Date.now() - batch.passedAtMs < this.options.dropAfterMs) return;
    // This look is later than the one that saw the nonce used first: a look's block can be older than its nonce.
    const { blockNumber } = look;
    try {
      if (await this.wallet.isAnyInBlock(batch.hashes)) return; // ours: the receipt comes
      const payments = await batch.payments(this.store);
      const verdicts = await Promise.all(payments.map((payment) => this.resolve.fromDisplaced(payment, blockNumber)));
      const clear = verdicts.filter((verdict) => verdict !== null);
      const isOurs = clear.some(
        (verdict) => verdict.to === 'settled' && batch.hashes.includes(verdict.inclusion.transactionHash),
      );
      if (isOurs) await this.store.decide(clear.filter((verdict) => verdict.to === 'settled'));
      else if (clear.length === verdicts.length && (await this.store.drop(batch.id, clear))) {
        this.open.remove(batch);
        return;
      }
    } catch (error) {
      this.options.onProblem(error, `looking for ${batch.newest.hash}`);
    }
    batch.forgetPayments();
  }

  /** A nonce below ours that no transaction has holds up everything: a transaction that moves nothing takes it. */
  private async fillGap(lease: Lease, waiting: readonly OpenBatch[], look: KeyLook): Promise<void> {
    const lowest = waiting.reduce<bigint | null>(
      (low, { stored }) => (low === null || stored.evmNonce < low ? stored.evmNonce : low),
      null,
    );
    if (lowest === null || waiting.every((batch) => batch.ageMs() < this.options.rebroadcastAfterMs)) return;
    for (let nonce = look.minedNonce; nonce < lowest; nonce++) {
      if (nonce < look.pendingNonce || (await this.store.hasLiveNonce(this.wallet.address, nonce))) continue;
      const filler = { ...(await this.wallet.signFiller(nonce, look.fees)), evmNonce: nonce };
      this.options.onProblem(new Error(`no transaction has nonce ${nonce}`), 'a gap in the nonces is filled');
      await this.sender.submit([this.open.add(await this.store.storeFiller(lease, this.wallet.address, filler), [])]);
    }
  }

  private async raisePrice(lease: Lease, batch: OpenBatch, look: KeyLook): Promise<void> {
    if (batch.newestAgeMs() < this.options.bumpAfterMs) return;
    const fees = replacementPrice(batch.newest, look.fees, this.options.maxFeePerGasWei);
    if (fees === null) return; // it waits at the price it has
    const bytes = await this.store.storeReplacement(
      lease,
      batch.stored,
      await this.wallet.signReplacement(batch.newest.raw, fees),
    );
    if (bytes === null) return;
    this.options.phases.reached('price_raised');
    batch.add(bytes);
    await this.sender.submit([batch]);
  }

  private isDueAgain(batch: OpenBatch): boolean {
    return !batch.sent.has(batch.newest.id) || Date.now() - batch.lastSentAtMs > this.options.rebroadcastAfterMs;
  }

  private async noteUnknown(batches: readonly OpenBatch[]): Promise<void> {
    for (const batch of batches) {
      if (batch.ageMs() <= this.options.unknownAfterMs) continue;
      const payments = await batch.payments(this.store);
      const late = payments.filter(({ state }) => state === 'broadcast');
      if (late.length === 0) continue;
      await this.store.decide(late.map((payment): Verdict => ({ payment, to: 'unknown' })));
      batch.forgetPayments();
    }
  }

  private async expirePayments(batch: OpenBatch): Promise<void> {
    const verdicts: Verdict[] = [];
    for (const payment of await batch.payments(this.store)) {
      const verdict = await this.resolve.ifOver(payment);
      if (verdict !== null) verdicts.push(verdict);
    }
    if (verdicts.length === 0) return;
    await this.store.decide(verdicts);
    batch.forgetPayments();
  }

  /** A dropped transaction that is in a block after all: its gas was paid. Its payments are decided by the chain already. */
  private async lookAtDropped(): Promise<void> {
    if (Date.now() < this.droppedAtMs) return;
    this.droppedAtMs = Date.now() + this.options.dropAfterMs;
    const dropped = await this.store.listDropped(this.wallet.address, DROPPED_FOR_MS);
    for (const batch of dropped) {
      try {
        await this.concludeDropped(batch);
      } catch (error) {
        this.options.onProblem(error, `looking again for ${batch.bytes.map(({ hash }) => hash).join(', ')}`);
      }
    }
  }

  private async concludeDropped(batch: StoredBatch): Promise<void> {
    const receipts = await this.wallet.receipts(batch.bytes.map(({ hash }) => hash));
    for (const [index, mined] of receipts.entries()) {
      const bytes = batch.bytes[index];
      if (mined === null || bytes === undefined) continue;
      await this.store.conclude(batch.id, bytes.hash, mined, []);
      this.options.onProblem(new Error(`${bytes.hash} is in block ${mined.blockNumber}`), 'a transaction that was given up');
    }
  }
}

interface Found {
  readonly hash: `0x${string}`;
  readonly mined: MinedTransaction;
}

/** A receipt says that the transaction reverted, and the events of the chain that it moved money. */
function contradicts(verdicts: readonly Verdict[], hash: `0x${string}`, mined: MinedTransaction): boolean {
  return !mined.succeeded && verdicts.some((verdict) => verdict.to === 'settled' && verdict.inclusion.transactionHash === hash);
}
