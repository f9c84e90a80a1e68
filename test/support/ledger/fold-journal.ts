import type { Pool } from 'pg';
import { FoldJournal } from '@tollbox/ledger/application/fold-journal';
import { PostgresRollups } from '@tollbox/ledger/infrastructure/postgres-rollups';
import { eventually } from '../payments/eventually';

/**
 * Folds all that the journal has by now. Several times if need be: transactions of other databases of the server hold the
 * fold up for a moment.
 */
export async function foldJournal(pool: Pool, maxEntries = 1_000): Promise<void> {
  const { rows } = await pool.query<{ newest: string }>('SELECT max(id) AS newest FROM journal');
  const folding = new FoldJournal(new PostgresRollups(pool), maxEntries);
  await eventually('the journal is folded', async () => {
    await folding.run(new AbortController().signal);
    const folded = await pool.query('SELECT 1 FROM ledger_fold WHERE folded_id >= $1', [rows[0]?.newest]);
    return folded.rowCount === 1;
  });
}
