import type { Pool } from 'pg';
import { inTransaction } from '@tollbox/platform/database/transaction';
import type { DaySums } from '../application/ports/day-sums';
import { journalLines } from './journal-lines-sql';

const LINES = journalLines('j.id > $1::bigint AND j.id <= $2::bigint');

const FOLD_DAYS = `
  INSERT INTO finance_days AS kept (day, operation, network, calls, earned_atomic, reversed_atomic, gas_wei, fees_atomic, cost_pico_usd)
  SELECT day, operation, network, sum(calls), sum(earned), sum(reversed), sum(gas), sum(fees), sum(cost)
  FROM (${LINES}) lines GROUP BY 1, 2, 3
  ON CONFLICT (day, operation, network) DO UPDATE SET calls = kept.calls + excluded.calls,
    earned_atomic = kept.earned_atomic + excluded.earned_atomic, reversed_atomic = kept.reversed_atomic + excluded.reversed_atomic,
    gas_wei = kept.gas_wei + excluded.gas_wei, fees_atomic = kept.fees_atomic + excluded.fees_atomic,
    cost_pico_usd = kept.cost_pico_usd + excluded.cost_pico_usd`;

const FOLD_WALLETS = `
  INSERT INTO finance_wallet_days AS kept (wallet, day, operation, network, calls, earned_atomic, reversed_atomic)
  SELECT wallet, day, operation, network, sum(calls), sum(earned), sum(reversed)
  FROM (${LINES}) lines WHERE earned > 0 OR reversed > 0 GROUP BY 1, 2, 3, 4
  ON CONFLICT (wallet, day, operation, network) DO UPDATE SET calls = kept.calls + excluded.calls,
    earned_atomic = kept.earned_atomic + excluded.earned_atomic, reversed_atomic = kept.reversed_atomic + excluded.reversed_atomic`;

/** Follows ledger_fold: up to its id nothing can still appear in the journal. */
export class PostgresDaySums implements DaySums {
  constructor(private readonly pool: Pool) {}

  async fold(maxEntries: number): Promise<boolean> {
    return inTransaction(this.pool, async (client) => {
      const { rows } = await client.query<{ folded: string; complete: string }>(
        `SELECT folded_id AS folded, (SELECT folded_id FROM ledger_fold) AS complete FROM finance_fold FOR UPDATE SKIP LOCKED`,
      );
      if (rows[0] === undefined) return false;
      const folded = BigInt(rows[0].folded);
      const complete = BigInt(rows[0].complete);
      if (folded >= complete) return false;
      const limit = folded + BigInt(maxEntries);
      const last = limit < complete ? limit : complete;
      await client.query(FOLD_DAYS, [folded.toString(), last.toString()]);
      await client.query(FOLD_WALLETS, [folded.toString(), last.toString()]);
      await client.query('UPDATE finance_fold SET folded_id = $1', [last.toString()]);
      return last < complete;
    });
  }
}
