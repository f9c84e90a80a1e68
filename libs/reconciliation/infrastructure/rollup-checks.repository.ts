import type { Pool } from 'pg';
import { atOneMoment } from '@tollbox/platform/database/transaction';
import type { StartedRun } from '../application/ports/reconciliation-store';
import type { MovedSum, RollupCheckStore, RollupSums } from '../application/ports/rollup-checks';
import { underLease } from './run-transaction';

const BATCH = 200_000;
const KINDS = [
  ['recorded', 'day'],
  ['recorded', 'minute'],
  ['event', 'day'],
  ['event', 'minute'],
] as const;

interface SumRow {
  debit: string;
  credit: string;
  event: string;
  entries: string;
  amount: string;
}

const NAMED = (
  sums: string,
): string => `SELECT d.code AS debit, c.code AS credit, event, entries::text, amount::text FROM (${sums}) AS sums
  JOIN ledger_accounts d ON d.id = debit_account JOIN ledger_accounts c ON c.id = credit_account`;
const ROLLUPS =
  NAMED(`SELECT debit_account, credit_account, event, sum(entries) AS entries, sum(amount) AS amount FROM ledger_rollups
  WHERE basis = $1 AND grain = $2 GROUP BY 1, 2, 3`);
const ADDED_UP = NAMED('SELECT debit_account, credit_account, event, entries, amount FROM reconciled_sums');
const ADD_UP = `INSERT INTO reconciled_sums AS kept (debit_account, credit_account, event, entries, amount)
  SELECT debit_account, credit_account, event, count(*), sum(amount) FROM journal WHERE id > $1::bigint AND id <= $2::bigint GROUP BY 1, 2, 3
  ON CONFLICT (debit_account, credit_account, event) DO UPDATE SET entries = kept.entries + excluded.entries, amount = kept.amount + excluded.amount`;

/** Reconciliation's own sums of the journal, beside the rollups. Each statement reads a bounded part of the journal. */
export class RollupChecksRepository implements RollupCheckStore {
  constructor(
    private readonly pool: Pool,
    private readonly batch = BATCH,
  ) {}

  rollups(): Promise<{ foldedId: bigint; kinds: readonly RollupSums[] }> {
    return atOneMoment(this.pool, async (client) => {
      const { rows } = await client.query<{ folded_id: string }>('SELECT folded_id FROM ledger_fold');
      const kinds: RollupSums[] = [];
      for (const [basis, grain] of KINDS) {
        const sums = await client.query<SumRow>(ROLLUPS, [basis, grain]);
        kinds.push({ kind: `${basis} ${grain}`, sums: sums.rows.map(toSum) });
      }
      return { foldedId: BigInt(rows[0]?.folded_id ?? 0), kinds };
    });
  }

  addUp(run: StartedRun, upToId: bigint): Promise<boolean> {
    return underLease(this.pool, run.lease, async (client) => {
      const { rows } = await client.query<{ entry_id: string }>('SELECT entry_id FROM reconciled_journal FOR UPDATE');
      const from = BigInt(rows[0]?.entry_id ?? 0);
      if (from >= upToId) return false;
      const to = from + BigInt(this.batch) < upToId ? from + BigInt(this.batch) : upToId;
      await client.query(ADD_UP, [from.toString(), to.toString()]);
      await client.query('UPDATE reconciled_journal SET entry_id = $1', [to.toString()]);
      return to < upToId;
    });
  }

  addedUp(): Promise<{ entryId: bigint; sums: readonly MovedSum[] }> {
    return atOneMoment(this.pool, async (client) => {
      const { rows } = await client.query<{ entry_id: string }>('SELECT entry_id FROM reconciled_journal');
      const sums = await client.query<SumRow>(ADDED_UP);
      return { entryId: BigInt(rows[0]?.entry_id ?? 0), sums: sums.rows.map(toSum) };
    });
  }
}

const toSum = ({ entries, amount, ...named }: SumRow): MovedSum => ({
  ...named,
  entries: BigInt(entries),
  amount: BigInt(amount),
});
