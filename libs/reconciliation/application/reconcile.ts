import type { HeldLease } from '@tollbox/platform/database/leases';
import type { ItemClass } from '../domain/item';
import type { BookReceipts } from './book-receipts';
import type { CheckBooks } from './check-books';
import type { CheckRollups } from './check-rollups';
import {
  LeaseLostError,
  type ItemStore,
  type ProviderSightings,
  type RunResult,
  type RunStore,
  type StartedRun,
} from './ports/reconciliation-store';
import type { ReadChain } from './read-chain';

export type ReconcileOutcome =
  | { readonly kind: 'busy' }
  | {
      readonly kind: 'done';
      readonly runId: bigint;
      readonly result: RunResult;
      /** Open items by class. */
      readonly open: Readonly<Record<string, number>>;
    };

export interface ReconcileParts {
  readonly runs: RunStore;
  readonly items: ItemStore;
  readonly read: ReadChain;
  readonly book: BookReceipts;
  readonly check: CheckBooks;
  readonly rollups: CheckRollups;
  readonly provider: ProviderSightings | null;
  readonly leaseMs: number;
  readonly nowMs: () => number;
}

const OF_CHAIN: readonly ItemClass[] = ['missing_transfer', 'chain_balance'];
const OF_BOOKS: readonly ItemClass[] = [
  'unsettled_receipt',
  'payment_books',
  'treasury_balance',
  'sum_not_zero',
  'credits_balance',
  'rollup_sums',
];
const OF_GAS: readonly ItemClass[] = ['gas_balance'];
const OF_PROVIDER: readonly ItemClass[] = ['provider_orphan', 'provider_ghost'];

/**
 * One run: reads the chain, compares it with the books and the books with themselves, books what nobody explains, and
 * keeps every difference as an item. Each batch is a transaction that can be repeated, so a run that died is made up for
 * by the next one.
 */
export class Reconcile {
  constructor(private readonly parts: ReconcileParts) {}

  /**
   * @param holder names this run among all processes; two runs never share it
   * @param stopping ends the run between two batches; the next one goes on from there
   * @throws what stopped the run; it is written down as failed
   */
  async run(holder: string, requestedBy = 'schedule', stopping?: AbortSignal): Promise<ReconcileOutcome> {
    const { runs, leaseMs } = this.parts;
    const lease = await runs.hold(holder, leaseMs);
    if (lease === null) return { kind: 'busy' };
    try {
      const run = await runs.begin(lease, requestedBy);
      try {
        return await this.compare(run, stopping);
      } catch (error) {
        await runs.fail(run, error instanceof Error ? error.message : String(error));
        throw error;
      }
    } finally {
      await runs.release(lease);
    }
  }

  private async compare(run: StartedRun, stopping: AbortSignal | undefined): Promise<ReconcileOutcome> {
    const { runs, items, read, book, check, rollups, provider } = this.parts;
    const keep = this.keeper(run.lease, stopping);
    const chain = await read.run(run, keep);
    const receipts = await book.run(run, keep);
    const payments = await check.payments(run, chain.head, keep);
    if (payments.demoted > 0) await book.run(run, keep);
    const { books, totals } = await check.totals(run, chain.head, keep);
    await rollups.run(run, keep);
    const gas = await check.gas(run, chain.head, books);
    const sightings = provider === null ? [] : await provider.list();
    await items.report(run, sightings);
    const checked = [
      ...OF_BOOKS,
      ...(chain.head === null ? [] : OF_CHAIN),
      ...('gas_wallet_actual_wei' in gas ? OF_GAS : []),
      ...(provider === null ? [] : OF_PROVIDER),
    ];
    const gone = await items.closeUnseen(run, checked);
    const open = await items.countOpen();
    const result: RunResult = {
      fromBlock: chain.fromBlock,
      to: chain.head,
      counts: {
        transfers: chain.transfers,
        lost: chain.lost,
        payments: payments.checked,
        receipts_reviewed: receipts.reviewed,
        receipts_booked: receipts.changed,
        gone,
        open: Object.values(open).reduce((sum, count) => sum + count, 0),
      },
      totals: { ...totals, ...gas },
    };
    await runs.finish(run, result);
    return { kind: 'done', runId: run.id, result, open };
  }

  /** Between two batches: ends the run when the process stops, and renews the lease when a third of it is used. */
  private keeper(lease: HeldLease, stopping: AbortSignal | undefined): () => Promise<void> {
    const { runs, leaseMs, nowMs } = this.parts;
    let renewedAtMs = nowMs();
    return async () => {
      stopping?.throwIfAborted();
      if (nowMs() - renewedAtMs < leaseMs / 3) return;
      const renewed = await runs.hold(lease.holder, leaseMs);
      if (renewed?.fence !== lease.fence) throw new LeaseLostError();
      renewedAtMs = nowMs();
    };
  }
}
