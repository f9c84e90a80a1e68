import { randomUUID } from 'node:crypto';
import type { Pool, PoolClient } from 'pg';
import type { AccountCode } from '@tollbox/ledger/domain/accounts';
import type { Move } from '@tollbox/ledger/domain/posting';
import { opening } from '@tollbox/ledger/domain/postings/receipt';
import type { Journal } from '@tollbox/ledger/infrastructure/journal';
import type { BlockPlace } from '../application/ports/chain-logs';
import type {
  ReceiptDecision,
  ReceiptStore,
  ReviewedBatch,
  ReviewReceipt,
  StartedRun,
  Watermark,
} from '../application/ports/reconciliation-store';
import type { Hex } from '../domain/hex';
import { isBooked, type ChainTransfer, type PaymentOfReceipt, type Receipt, type ReceiptState } from '../domain/receipt';
import { book, unbook } from '../domain/receipt-postings';
import type { Finding } from '../domain/item';
import { closeOfReceipts, reportFindings } from './item-rows';
import { DUST, FLAG, NET, NEXT_BLOCK, RECORD, REVIEW, toPaymentOfReceipt, toReceipt, type ReviewRow } from './receipts-sql';
import { underLease } from './run-transaction';

const BATCH = 1_000;
/** Receipts that one statement adds up; only a run changes them, so the pieces are of one moment. */
const SUM_RECEIPTS = 200_000;

interface Change {
  readonly receipt: Receipt;
  readonly payment: PaymentOfReceipt | null;
  readonly decision: ReceiptDecision;
}

const LOST: ReceiptDecision = { state: 'lost', finding: null, isFinal: false, isDust: false };

/** Receipts, their bookings and how far the chain has been read, in PostgreSQL. */
export class ReceiptsRepository implements ReceiptStore {
  constructor(
    private readonly pool: Pool,
    private readonly journal: Journal,
    private readonly books: { readonly network: string; readonly usdc: Hex; readonly payTo: Hex },
  ) {}

  async watermark(): Promise<Watermark | null> {
    const { rows } = await this.pool.query<{
      block_number: string;
      block_hash: Hex;
      opening_block: string;
      opening_atomic: string | null;
    }>('SELECT block_number, block_hash, opening_block, opening_atomic FROM reconciliation_watermark');
    const row = rows[0];
    if (row === undefined) return null;
    return {
      place: { number: BigInt(row.block_number), hash: row.block_hash },
      openingBlock: BigInt(row.opening_block),
      openingAtomic: row.opening_atomic === null ? null : BigInt(row.opening_atomic),
    };
  }

  async firstClaimBlock(): Promise<bigint | null> {
    // What is claimed later settles later, so the lowest block is among the first claims, whatever a late node said.
    const { rows } = await this.pool.query<{ first: string | null }>(
      `SELECT min(claimed_at_block) AS first FROM (
         SELECT claimed_at_block FROM payments WHERE rail = 'x402' ORDER BY claimed_at, id LIMIT $1) earliest`,
      [BATCH],
    );
    return rows[0]?.first == null ? null : BigInt(rows[0].first);
  }

  async startAt(run: StartedRun, place: BlockPlace): Promise<void> {
    await underLease(this.pool, run.lease, (client) =>
      client.query(
        `INSERT INTO reconciliation_watermark (opening_subject, opening_block, block_number, block_hash) VALUES ($1, $2, $2, $3)
         ON CONFLICT (singleton) DO NOTHING`,
        [randomUUID(), place.number.toString(), place.hash],
      ),
    );
  }

  async bookOpening(run: StartedRun, openingAtomic: bigint): Promise<void> {
    await underLease(this.pool, run.lease, async (client) => {
      const { rows } = await client.query<{ opening_subject: string }>(
        `UPDATE reconciliation_watermark SET opening_atomic = $1 WHERE opening_atomic IS NULL RETURNING opening_subject`,
        [openingAtomic.toString()],
      );
      const subject = rows[0]?.opening_subject;
      if (subject !== undefined) await this.journal.append(client, opening(subject, openingAtomic));
    });
  }

  async advance(run: StartedRun, place: BlockPlace): Promise<void> {
    await underLease(this.pool, run.lease, (client) => this.moveWatermark(client, place));
  }

  async record(run: StartedRun, transfers: readonly ChainTransfer[]): Promise<void> {
    if (transfers.length === 0) return;
    const { network, usdc, payTo } = this.books;
    await underLease(this.pool, run.lease, (client) =>
      client.query({
        text: RECORD,
        values: [
          network,
          usdc,
          payTo,
          transfers.map(({ transactionHash }) => transactionHash),
          transfers.map(({ logIndex }) => logIndex),
          transfers.map(({ blockNumber }) => blockNumber.toString()),
          transfers.map(({ blockHash }) => blockHash),
          transfers.map(({ from }) => from),
          transfers.map(({ to }) => to),
          transfers.map(({ valueAtomic }) => valueAtomic.toString()),
          transfers.map(({ nonce }) => nonce),
          [...new Set(transfers.map(({ transactionHash }) => transactionHash))],
        ],
      }),
    );
  }

  async places(below: bigint | null): Promise<readonly BlockPlace[]> {
    const { rows } = await this.pool.query<{ block_number: string; block_hash: Hex }>(
      `SELECT DISTINCT block_number, block_hash FROM (
         SELECT block_number, block_hash FROM chain_receipts
         WHERE state <> 'lost' AND ($1::bigint IS NULL OR block_number < $1) ORDER BY block_number DESC LIMIT $2) newest
       ORDER BY block_number DESC`,
      [below?.toString() ?? null, BATCH],
    );
    return rows.map((row) => ({ number: BigInt(row.block_number), hash: row.block_hash }));
  }

  async loseAbove(run: StartedRun, blockNumber: bigint): Promise<number> {
    let lost = 0;
    for (;;) {
      const batch = await underLease(this.pool, run.lease, async (client) => {
        const { rows } = await client.query<ReviewRow>(
          `${REVIEW} WHERE r.block_number > $4 AND r.state <> 'lost' ORDER BY r.block_number DESC, r.id LIMIT $5 FOR UPDATE OF r`,
          [0, this.books.network, this.books.usdc, blockNumber.toString(), BATCH],
        );
        const changes = rows.map((row): Change => ({ ...parts(row), decision: LOST }));
        await reportFindings(client, run, await this.flag(client, changes));
        await this.apply(client, run, changes, 'its block was replaced');
        return rows.length;
      });
      lost += batch;
      if (batch < BATCH) return lost;
    }
  }

  async netAtomic(upToBlock: bigint): Promise<bigint> {
    let net = 0n;
    for (let after = -1n; after < upToBlock;) {
      const { rows: ends } = await this.pool.query<{ last: string }>(NEXT_BLOCK, [after.toString(), SUM_RECEIPTS]);
      const next = BigInt(ends[0]?.last ?? upToBlock);
      const last: bigint = next < upToBlock ? next : upToBlock;
      const { rows } = await this.pool.query<{ net: string }>(NET, [after.toString(), last.toString()]);
      net += BigInt(rows[0]?.net ?? 0);
      after = last;
    }
    return net;
  }

  async review(run: StartedRun, after: string | null, graceMs: number, review: ReviewReceipt): Promise<ReviewedBatch | null> {
    return underLease(this.pool, run.lease, async (client) => {
      const { rows } = await client.query<ReviewRow>(
        `${REVIEW} WHERE NOT r.is_final AND r.state NOT IN ('explained', 'lost') AND ($4::uuid IS NULL OR r.id > $4) ORDER BY r.id LIMIT $5 FOR UPDATE OF r`,
        [graceMs, this.books.network, this.books.usdc, after, BATCH],
      );
      const last = rows.at(-1)?.id;
      if (last === undefined) return null;
      const reviewed = rows.map((row) => {
        const { receipt, payment } = parts(row);
        return { receipt, payment, decision: review(receipt, payment) };
      });
      const changes = reviewed.filter(({ receipt, decision }) => decision.state !== receipt.state);
      await this.apply(client, run, changes, 'it is explained otherwise');
      const findings = reviewed.flatMap(({ decision }): readonly Finding[] =>
        decision.finding === null ? [] : [decision.finding],
      );
      await reportFindings(client, run, [...findings, ...(await this.flag(client, reviewed))]);
      return { last, reviewed: rows.length, changed: changes.length };
    });
  }

  /** Notes what is final and what is dust; returns what there is to tell of the days whose dust changed. */
  private async flag(client: PoolClient, decided: readonly Change[]): Promise<readonly Finding[]> {
    const { rows: days } = await client.query<{ day: string }>(FLAG, [
      decided.map(({ receipt }) => receipt.id),
      decided.map(({ decision }) => decision.isFinal),
      decided.map(({ decision }) => decision.isDust),
    ]);
    if (days.length === 0) return [];
    const { rows } = await client.query<{ day: string; receipts: number; sum: string }>(DUST, [days.map(({ day }) => day)]);
    return rows.map(({ day, receipts, sum }) => ({
      class: 'dust_receipts',
      subject: day,
      expected: null,
      actual: sum,
      detail: { day, receipts, sum_atomic: sum },
      ...(receipts === 0 ? { resolution: 'gone' } : {}),
    }));
  }

  /** Takes back what the receipts booked, books them anew, and moves them to their new state. */
  private async apply(client: PoolClient, run: StartedRun, changes: readonly Change[], reason: string): Promise<void> {
    if (changes.length === 0) return;
    const booked = changes.filter(({ receipt }) => isBooked(receipt.state));
    const rows = await bookedRows(
      client,
      booked.map(({ receipt }) => receipt.id),
    );
    const postings = changes.flatMap(({ receipt, payment, decision }) => [
      ...(isBooked(receipt.state) ? unbook(receipt, rows.get(`${receipt.id} ${receipt.round}`) ?? [], payment) : []),
      ...book(receipt, decision.state, roundAfter(receipt, decision.state), payment),
    ]);
    await this.journal.append(client, postings);
    await client.query(
      `UPDATE chain_receipts r SET state = c.state, round = c.round, payment_id = coalesce(c.payment_id, r.payment_id)
       FROM unnest($1::uuid[], $2::text[], $3::int[], $4::uuid[]) AS c (id, state, round, payment_id) WHERE r.id = c.id`,
      [
        changes.map(({ receipt }) => receipt.id),
        changes.map(({ decision }) => decision.state),
        changes.map(({ receipt, decision }) => roundAfter(receipt, decision.state)),
        changes.map(({ payment }) => payment?.id ?? null),
      ],
    );
    await client.query(`UPDATE payments SET debt_cleared_at = now() WHERE id = ANY ($1::uuid[]) AND debt_cleared_at IS NULL`, [
      changes.flatMap(({ payment, decision }) => (decision.state === 'debt_paid' && payment !== null ? [payment.id] : [])),
    ]);
    // The entries above hold the debt again, which is what lets the database take this back.
    await client.query(`UPDATE payments SET debt_cleared_at = NULL WHERE id = ANY ($1::uuid[]) AND debt_cleared_at IS NOT NULL`, [
      changes.flatMap(({ receipt, payment, decision }) =>
        receipt.state === 'debt_paid' && decision.state !== 'debt_paid' && payment !== null ? [payment.id] : [],
      ),
    ]);
    await closeOfReceipts(
      client,
      run,
      booked.map(({ receipt }) => receipt.id),
      reason,
    );
  }

  private async moveWatermark(client: PoolClient, place: BlockPlace): Promise<void> {
    await client.query('UPDATE reconciliation_watermark SET block_number = $1, block_hash = $2, updated_at = now()', [
      place.number.toString(),
      place.hash,
    ]);
  }
}

/** What was booked is never overwritten: the next booking of the receipt has the next round. A lost one gets it when it comes back. */
function roundAfter(receipt: Receipt, next: ReceiptState): number {
  return isBooked(receipt.state) && next !== 'lost' ? receipt.round + 1 : receipt.round;
}

function parts(row: ReviewRow): { receipt: Receipt; payment: PaymentOfReceipt | null } {
  return { receipt: toReceipt(row), payment: toPaymentOfReceipt(row) };
}

/** What receipts booked, by receipt and round, in the order in which it was booked. */
async function bookedRows(client: PoolClient, receiptIds: readonly string[]): Promise<ReadonlyMap<string, readonly Move[]>> {
  const byReceipt = new Map<string, Move[]>();
  if (receiptIds.length === 0) return byReceipt;
  const { rows } = await client.query<{
    subject: string;
    round: number;
    debit: AccountCode;
    credit: AccountCode;
    amount: string;
  }>(
    `SELECT subject, round, d.code AS debit, c.code AS credit, amount FROM journal
       JOIN ledger_accounts d ON d.id = debit_account JOIN ledger_accounts c ON c.id = credit_account
     WHERE subject = ANY ($1::uuid[]) AND event <> 'unbooked' ORDER BY journal.id`,
    [receiptIds],
  );
  for (const { subject, round, debit, credit, amount } of rows) {
    const key = `${subject} ${round}`;
    byReceipt.set(key, [...(byReceipt.get(key) ?? []), { debit, credit, amount: BigInt(amount) }]);
  }
  return byReceipt;
}
