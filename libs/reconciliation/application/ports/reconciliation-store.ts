import type { HeldLease } from '@tollbox/platform/database/leases';
import type { BookSums } from '../../domain/book-sums';
import type { Finding, ItemClass } from '../../domain/item';
import type { ChainTransfer, PaymentOfReceipt, Receipt, ReceiptState } from '../../domain/receipt';
import type { BlockPlace } from './chain-logs';

export interface StartedRun {
  readonly id: bigint;
  readonly lease: HeldLease;
}

export interface RunResult {
  readonly fromBlock: bigint | null;
  readonly to: BlockPlace | null;
  readonly counts: Readonly<Record<string, number>>;
  /** Amounts by name, in the unit of their account. */
  readonly totals: Readonly<Record<string, bigint>>;
}

export interface RunStore {
  /** Takes or renews the right to reconcile; null while another process has it. */
  hold(holder: string, ttlMs: number): Promise<HeldLease | null>;
  release(lease: HeldLease): Promise<void>;
  /** Opens a run, or the one that was asked for; a run whose process died is closed as abandoned. */
  begin(lease: HeldLease, requestedBy: string): Promise<StartedRun>;
  finish(run: StartedRun, result: RunResult): Promise<void>;
  fail(run: StartedRun, reason: string): Promise<void>;
  /** Whether somebody asked for a run, or none has started within the interval. */
  isDue(intervalMs: number): Promise<boolean>;
}

export interface Watermark {
  readonly place: BlockPlace;
  readonly openingBlock: bigint;
  /** Null until the first reading is complete. */
  readonly openingAtomic: bigint | null;
}

/** What a look at a receipt decided: its new state, and what to tell about it. */
export interface ReceiptDecision {
  readonly state: ReceiptState;
  readonly finding: Finding | null;
  /** It is not looked at again. */
  readonly isFinal: boolean;
  /** It is counted with the dust of its day, in one item. */
  readonly isDust: boolean;
}

export type ReviewReceipt = (receipt: Receipt, payment: PaymentOfReceipt | null) => ReceiptDecision;

/** All writes prove the run's lease and reject with LeaseLostError when another process has it. */
export interface ReceiptStore {
  watermark(): Promise<Watermark | null>;
  /** The earliest block that a payment can have settled after; null without payments. */
  firstClaimBlock(): Promise<bigint | null>;
  startAt(run: StartedRun, place: BlockPlace): Promise<void>;
  /** Books what payTo held before the first block that is read. */
  bookOpening(run: StartedRun, openingAtomic: bigint): Promise<void>;
  advance(run: StartedRun, place: BlockPlace): Promise<void>;
  /** Stores transfers; those that a settled payment names are explained at once. Repeating it changes nothing. */
  record(run: StartedRun, transfers: readonly ChainTransfer[]): Promise<void>;
  /** Some blocks with receipts, newest first, below a height; none when there are no more. */
  places(below: bigint | null): Promise<readonly BlockPlace[]>;
  /** Takes back what receipts above a block booked; says how many they were. */
  loseAbove(run: StartedRun, blockNumber: bigint): Promise<number>;
  /** Sum of what came in less what went out, up to a block. */
  netAtomic(upToBlock: bigint): Promise<bigint>;
  /** One batch of receipts that no settled payment explains; null when there are no more after `after`. */
  review(run: StartedRun, after: string | null, graceMs: number, review: ReviewReceipt): Promise<ReviewedBatch | null>;
}

export interface ReviewedBatch {
  readonly last: string;
  readonly reviewed: number;
  readonly changed: number;
}

export interface CheckedBatch {
  readonly last: string;
  readonly checked: number;
  readonly demoted: number;
  readonly findings: readonly Finding[];
}

export interface BookTotals extends BookSums {
  /** Opening, settled payments and booked receipts: what the treasury must be. */
  readonly explainedTreasuryAtomic: bigint;
  /** What settlement transactions that are in blocks did cost. */
  readonly minedGasWei: bigint;
}

export interface CheckStore {
  /** One batch of payments against their receipts and postings; null when there are no more after `after`. */
  checkPayments(run: StartedRun, after: string | null, head: BlockPlace | null, graceMs: number): Promise<CheckedBatch | null>;
  /** Wallets whose credits are not what the journal says. `keep` is called between statements. */
  credits(keep: () => Promise<void>): Promise<readonly Finding[]>;
  /** Sums over everything, of one moment. `keep` is called between statements. */
  totals(keep: () => Promise<void>): Promise<BookTotals>;
  /** Gas of mined transactions up to a block, and whether one is sent whose end is not known. */
  gas(upToBlock: bigint): Promise<{ readonly spentWei: bigint; readonly isUnsure: boolean }>;
  bookGasOpening(run: StartedRun, amountWei: bigint): Promise<void>;
}

export interface ItemStore {
  /** Opens what is new, sees again what is known. */
  report(run: StartedRun, findings: readonly Finding[]): Promise<void>;
  /** Closes differences of these classes that the run has not seen; says how many. */
  closeUnseen(run: StartedRun, classes: readonly ItemClass[]): Promise<number>;
  countOpen(): Promise<Readonly<Record<string, number>>>;
}

/** Differences between sandboxes and their provider, as somebody else has seen them. */
export interface ProviderSightings {
  list(): Promise<readonly Finding[]>;
}

export class LeaseLostError extends Error {
  constructor() {
    super('another process reconciles');
    this.name = 'LeaseLostError';
  }
}
