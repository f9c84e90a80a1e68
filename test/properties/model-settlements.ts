import { gasReturned } from '@tollbox/ledger/domain/postings/gas';
import type { Posting } from '@tollbox/ledger/domain/posting';
import { broadcast, expired, failed, placeOf, requeued, settled } from '@tollbox/ledger/domain/postings/payment';
import type { MinedTransaction } from '@tollbox/payments/application/ports/evm-chain';
import {
  LeaseLostError,
  type Lease,
  type MinedRecord,
  type QueuedPayment,
  type QueueSelection,
  type SettlementStore,
  type StoreBatch,
  type StoredBatch,
  type StoredBytes,
  type Verdict,
} from '@tollbox/payments/application/ports/settlement-store';
import type { SignedTransaction } from '@tollbox/payments/application/ports/settlement-wallet';
import type { Hex } from '@tollbox/payments/domain/networks';
import type { Payment } from '@tollbox/payments/domain/payment';
import { moneyOf } from '@tollbox/payments/infrastructure/settlement-rows';
import { gasPostings } from '@tollbox/payments/infrastructure/settlement-verdicts';
import type { BatchRow, BytesRow, ModelData, PaymentRow } from './model-data';

/** The settler's side of the database. */
export class ModelSettlements implements SettlementStore {
  constructor(private readonly data: ModelData) {}

  acquireLease(name: string, holder: string, ttlMs: number): Promise<Lease | null> {
    const nowMs = this.data.clock.nowMs;
    const held = this.data.leases.get(name);
    if (held !== undefined && held.holder !== holder && held.untilMs > nowMs) return Promise.resolve(null);
    const fence = held === undefined ? 1n : held.holder === holder ? held.fence : held.fence + 1n;
    this.data.leases.set(name, { name, holder, fence, untilMs: nowMs + ttlMs });
    return Promise.resolve({ name, holder, fence });
  }

  releaseLease(lease: Lease): Promise<void> {
    const held = this.data.leases.get(lease.name);
    if (held?.holder === lease.holder && held.fence === lease.fence) held.untilMs = this.data.clock.nowMs - 1;
    return Promise.resolve();
  }

  private proveLease(lease: Lease): void {
    const held = this.data.leases.get(lease.name);
    const isHeld = held?.holder === lease.holder && held.fence === lease.fence && held.untilMs > this.data.clock.nowMs;
    if (!isHeld) throw new LeaseLostError(lease.name);
  }

  async takeQueued<T>(
    selection: QueueSelection,
    work: (payments: readonly QueuedPayment[], storeBatch: StoreBatch) => Promise<T>,
  ): Promise<T> {
    const { data } = this;
    const rows = [...data.payments.values()]
      .filter((row) => row.state === 'queued' && !data.lockedPayments.has(row.id) && !selection.except.includes(row.id))
      .sort((one, other) => before(one, other, selection))
      .slice(0, selection.limit);
    for (const { id } of rows) data.lockedPayments.add(id);
    let commit: (() => void) | null = null;
    try {
      const payments = rows.map((row) => ({ ...data.toPayment(row), queuedForMs: data.clock.nowMs - row.queuedAtMs }));
      const result = await work(payments, async (lease, signer, chosen, sign) => {
        this.proveLease(lease);
        const signed = await sign((this.highestNonce(signer) ?? -1n) + 1n);
        const batch = this.newBatch(signer, signed.evmNonce, signed, chosen);
        commit = () => this.storeBatch(batch, chosen);
        return data.toStoredBatch(batch);
      });
      (commit as (() => void) | null)?.();
      return result;
    } finally {
      for (const { id } of rows) data.lockedPayments.delete(id);
    }
  }

  private storeBatch(batch: BatchRow, payments: readonly Payment[]): void {
    this.addBatch(batch);
    for (const { id } of payments) {
      const row = this.data.payment(id);
      this.data.move(row, 'broadcast');
      row.settlementTransactionId = batch.id;
      this.data.book(broadcast(moneyOf(this.data.toPayment(row))));
    }
  }

  private newBatch(signer: Hex, evmNonce: bigint, signed: SignedTransaction, payments: readonly Payment[]): BatchRow {
    return {
      id: this.data.newId(),
      signer,
      evmNonce,
      paymentIds: payments.map(({ id }) => id),
      rounds: payments.map(({ round }) => round),
      minedCount: 0,
      bytes: [this.newBytes(signed)],
    };
  }

  /** A nonce of a key belongs to one batch that was not dropped. */
  private addBatch(batch: BatchRow): void {
    if (this.isLive(batch.signer, batch.evmNonce)) throw new Error(`nonce ${batch.evmNonce} of ${batch.signer} is taken`);
    this.data.batches.set(batch.id, batch);
    this.data.changes += 1;
  }

  private newBytes(signed: SignedTransaction): BytesRow {
    return {
      id: this.data.newId(),
      raw: signed.raw,
      hash: signed.hash,
      maxFeePerGasWei: signed.fees.maxFeePerGasWei,
      maxPriorityFeePerGasWei: signed.fees.maxPriorityFeePerGasWei,
      storedAtMs: this.data.clock.nowMs,
      state: 'stored',
      blockNumber: null,
      blockHash: null,
      feeWei: null,
      resolvedAtMs: null,
    };
  }

  private highestNonce(signer: Hex): bigint | null {
    const nonces = this.batchesOf(signer)
      .filter(isNotDropped)
      .map(({ evmNonce }) => evmNonce);
    return nonces.reduce<bigint | null>((high, nonce) => (high === null || nonce > high ? nonce : high), null);
  }

  private batchesOf(signer: Hex): BatchRow[] {
    return [...this.data.batches.values()].filter((batch) => batch.signer === signer);
  }

  private isLive(signer: Hex, evmNonce: bigint): boolean {
    return this.batchesOf(signer).some((batch) => batch.evmNonce === evmNonce && isNotDropped(batch));
  }

  storeFiller(lease: Lease, signer: Hex, filler: SignedTransaction & { evmNonce: bigint }): Promise<StoredBatch> {
    this.proveLease(lease);
    const batch = this.newBatch(signer, filler.evmNonce, filler, []);
    this.addBatch(batch);
    return Promise.resolve(this.data.toStoredBatch(batch));
  }

  storeReplacement(lease: Lease, stored: StoredBatch, signed: SignedTransaction): Promise<StoredBytes | null> {
    this.proveLease(lease);
    const batch = this.data.batches.get(stored.id);
    if (batch === undefined || !isOpen(batch)) return Promise.resolve(null);
    batch.bytes.push(this.newBytes(signed));
    return Promise.resolve(this.data.toStoredBatch(batch).bytes.at(-1) ?? null);
  }

  markSent(bytesIds: readonly string[]): Promise<void> {
    for (const batch of this.data.batches.values())
      for (const bytes of batch.bytes) if (bytesIds.includes(bytes.id) && bytes.state === 'stored') bytes.state = 'sent';
    return Promise.resolve();
  }

  listOpen(signer: Hex): Promise<readonly StoredBatch[]> {
    return Promise.resolve(this.inNonceOrder(this.batchesOf(signer).filter(isOpen)));
  }

  listDropped(signer: Hex, withinMs: number): Promise<readonly StoredBatch[]> {
    const since = this.data.clock.nowMs - withinMs;
    const dropped = this.batchesOf(signer).filter((batch) =>
      batch.bytes.some(({ state, resolvedAtMs }) => state === 'dropped' && (resolvedAtMs ?? 0) > since),
    );
    return Promise.resolve(this.inNonceOrder(dropped));
  }

  private inNonceOrder(batches: BatchRow[]): StoredBatch[] {
    return batches.sort((one, other) => Number(one.evmNonce - other.evmNonce)).map((batch) => this.data.toStoredBatch(batch));
  }

  openPaymentsOf(batchId: string): Promise<readonly Payment[]> {
    const rows = [...this.data.payments.values()].filter(
      (row) => row.settlementTransactionId === batchId && (row.state === 'broadcast' || row.state === 'unknown'),
    );
    rows.sort((one, other) => one.key.nonce.localeCompare(other.key.nonce));
    return Promise.resolve(rows.map((row) => this.data.toPayment(row)));
  }

  hasLiveNonce(signer: Hex, evmNonce: bigint): Promise<boolean> {
    return Promise.resolve(this.isLive(signer, evmNonce));
  }

  decide(verdicts: readonly Verdict[]): Promise<number> {
    return Promise.resolve(this.apply(verdicts.filter((verdict) => this.isAsSeen(verdict))));
  }

  private isAsSeen({ payment }: Verdict): boolean {
    const row = this.data.payment(payment.id);
    return row.state === payment.state && row.round === payment.round;
  }

  private apply(verdicts: readonly Verdict[]): number {
    for (const verdict of verdicts) {
      const row = this.data.payment(verdict.payment.id);
      this.data.book(verdictPostings(verdict));
      this.data.move(row, verdict.to);
      const inclusion = verdict.to === 'settled' ? verdict.inclusion : null;
      row.failReason = 'reason' in verdict ? verdict.reason : null;
      row.transactionHash = inclusion?.transactionHash ?? null;
      row.blockNumber = inclusion?.blockNumber ?? null;
      row.blockHash = inclusion?.blockHash ?? null;
      if (verdict.to === 'queued')
        Object.assign(row, { round: row.round + 1, settlementTransactionId: null, queuedAtMs: this.data.clock.nowMs });
      if (inclusion !== null) row.settlementTransactionId = this.batchOfHash(inclusion.transactionHash)?.id ?? null;
    }
    return verdicts.length;
  }

  private batchOfHash(hash: Hex): BatchRow | undefined {
    return [...this.data.batches.values()].find((batch) => batch.bytes.some((bytes) => bytes.hash === hash));
  }

  conclude(batchId: string, hash: Hex, mined: MinedTransaction, verdicts: readonly Verdict[]): Promise<boolean> {
    const batch = this.data.batches.get(batchId);
    const isUndecided = batch?.bytes.some(({ state }) => state === 'stored' || state === 'sent' || state === 'dropped') === true;
    if (batch === undefined || !isUndecided || !this.endAll(batchId, verdicts)) return Promise.resolve(false);
    this.data.changes += 1;
    batch.minedCount += 1;
    for (const bytes of batch.bytes) {
      const isMined = bytes.hash === hash;
      bytes.state = isMined ? 'mined' : 'replaced';
      bytes.resolvedAtMs = this.data.clock.nowMs;
      if (isMined) Object.assign(bytes, { blockNumber: mined.blockNumber, blockHash: mined.blockHash, feeWei: mined.feeWei });
    }
    this.data.book(gasPostings(batch.id, this.parties(batch), batch.minedCount, mined.feeWei));
    return Promise.resolve(true);
  }

  /** All payments of the batch end, or nothing happens. */
  private endAll(batchId: string, verdicts: readonly Verdict[]): boolean {
    const ending = new Set(verdicts.filter(({ to }) => to !== 'unknown').map(({ payment }) => payment.id));
    const wouldStayOpen = [...this.data.payments.values()].some(
      ({ id, state, settlementTransactionId }) =>
        settlementTransactionId === batchId && (state === 'broadcast' || state === 'unknown') && !ending.has(id),
    );
    if (wouldStayOpen || !verdicts.every((verdict) => this.isAsSeen(verdict))) return false;
    this.apply(verdicts);
    return true;
  }

  private parties(batch: BatchRow) {
    return batch.paymentIds.map((id, index) => {
      const row = this.data.payment(id);
      return { id, operationId: row.operationId, wallet: row.key.payer, round: batch.rounds[index] ?? 1 };
    });
  }

  drop(batchId: string, verdicts: readonly Verdict[]): Promise<boolean> {
    const batch = this.data.batches.get(batchId);
    if (batch === undefined || !isOpen(batch) || !this.endAll(batchId, verdicts)) return Promise.resolve(false);
    this.data.changes += 1;
    for (const bytes of batch.bytes) Object.assign(bytes, { state: 'dropped', resolvedAtMs: this.data.clock.nowMs });
    return Promise.resolve(true);
  }

  listMinedSince(blockNumber: bigint, limit: number): Promise<readonly MinedRecord[]> {
    const mined = [...this.data.batches.values()].flatMap((batch) =>
      batch.bytes.flatMap(({ id, state, blockNumber: number, blockHash }): MinedRecord[] =>
        state === 'mined' && number !== null && blockHash !== null && number >= blockNumber
          ? [{ id, blockNumber: number, blockHash }]
          : [],
      ),
    );
    return Promise.resolve(newestFirst(mined).slice(0, limit));
  }

  listSettledByOthersSince(
    blockNumber: bigint,
    limit: number,
  ): Promise<readonly (Payment & { blockNumber: bigint; blockHash: Hex })[]> {
    const rows = [...this.data.payments.values()].flatMap((row) =>
      row.state === 'settled' && row.settlementTransactionId === null && row.blockNumber !== null && row.blockHash !== null
        ? [{ ...this.data.toPayment(row), blockNumber: row.blockNumber, blockHash: row.blockHash }]
        : [],
    );
    return Promise.resolve(newestFirst(rows.filter((row) => row.blockNumber >= blockNumber)).slice(0, limit));
  }

  reopenTransaction(record: MinedRecord): Promise<void> {
    const { data } = this;
    for (const batch of data.batches.values()) {
      const lost = batch.bytes.find(
        ({ id, state, blockHash }) => id === record.id && state === 'mined' && blockHash === record.blockHash,
      );
      if (lost === undefined) continue;
      data.changes += 1;
      data.book(gasReturned(gasPostings(batch.id, this.parties(batch), batch.minedCount, lost.feeWei ?? 0n)));
      for (const bytes of batch.bytes)
        if (bytes.state !== 'dropped')
          Object.assign(bytes, { state: 'sent', blockNumber: null, blockHash: null, feeWei: null, resolvedAtMs: null });
      for (const row of data.payments.values())
        if (row.settlementTransactionId === batch.id && row.state === 'settled') this.reopenPayment(row);
      batch.rounds = batch.paymentIds.map((id, index) => {
        const row = data.payment(id);
        return row.settlementTransactionId === batch.id ? row.round : (batch.rounds[index] ?? 1);
      });
    }
    return Promise.resolve();
  }

  private reopenPayment(row: PaymentRow): void {
    const { data } = this;
    data.book(requeued(moneyOf(data.toPayment(row)), 'treasury'));
    data.move(row, 'queued');
    Object.assign(row, { round: row.round + 1, transactionHash: null, blockNumber: null, blockHash: null });
    data.move(row, 'broadcast');
    data.book(broadcast(moneyOf(data.toPayment(row))));
  }
}

function verdictPostings({ payment, to }: Verdict): Posting[] {
  const money = moneyOf(payment);
  const place = placeOf(payment.state as Parameters<typeof placeOf>[0]);
  switch (to) {
    case 'settled':
      return settled(money, place as 'authorized' | 'in_flight');
    case 'failed':
      return failed(money, place);
    case 'expired':
      return expired(money, place);
    case 'queued':
      return requeued(money, place as 'in_flight' | 'treasury');
    case 'unknown':
      return [];
  }
}

const isOpen = (batch: BatchRow): boolean => batch.bytes.some(({ state }) => state === 'stored' || state === 'sent');
const isNotDropped = (batch: BatchRow): boolean => batch.bytes.some(({ state }) => state !== 'dropped');

function newestFirst<Place extends { blockNumber: bigint }>(places: Place[]): Place[] {
  return places.sort((one, other) => Number(other.blockNumber - one.blockNumber));
}

function before(one: PaymentRow, other: PaymentRow, { order }: QueueSelection): number {
  const byMode = order === 'waiting_payers_first' ? one.settlementMode.localeCompare(other.settlementMode) : 0;
  const byDeadline = Number(one.authorization.validBefore - other.authorization.validBefore);
  return byMode || byDeadline || one.key.nonce.localeCompare(other.key.nonce);
}
