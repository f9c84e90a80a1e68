import { Pool } from 'pg';
import type { Chain } from '@tollbox/devstack/chain';
import { foldJournal } from '../support/ledger/fold-journal';
import { expectCleanBooks } from '../support/reconciliation/clean-books';
import type { SeededPayments } from '../support/reconciliation/seeded-payments';
import { ReconciliationWorld } from '../support/reconciliation/world';

describe('the rollups that balances are read from', () => {
  let world: ReconciliationWorld;
  let chain: Chain;
  let pool: Pool;
  let owner: Pool;
  let seed: SeededPayments;

  beforeAll(async () => {
    chain = await ReconciliationWorld.chainWith();
    world = await ReconciliationWorld.start(chain);
    ({ pool, seed } = world);
    owner = new Pool({ connectionString: world.database.url, max: 1 });
  });
  afterAll(async () => {
    await owner.end();
    await world.stop();
    await chain.stop();
  });

  const on = () => world.on({ rollupBatch: 2 });
  const addedUp = async () => {
    const { rows } = await pool.query<{ entries: string; all: string }>(
      `SELECT (SELECT coalesce(sum(entries), 0) FROM reconciled_sums)::text AS entries,
         (SELECT count(*) FROM journal WHERE id <= (SELECT folded_id FROM ledger_fold))::text AS all`,
    );
    return rows[0];
  };

  it('are what the entries add up to, and a difference is an item until it is gone', async () => {
    await seed.settled();
    await expectCleanBooks(pool, on()); // nothing is folded yet
    expect(await addedUp()).toEqual({ entries: '0', all: '0' });
    await foldJournal(pool);
    await seed.settled(1_500n); // these are not in the rollups, and in no comparison
    await expectCleanBooks(pool, on());
    const before = await addedUp();
    expect(before?.entries).toBe(before?.all);
    expect(before?.entries).not.toBe('0');
    await foldJournal(pool);
    await expectCleanBooks(pool, on());
    expect(await addedUp()).not.toEqual(before);

    const treasury = `basis = 'event' AND grain = 'minute' AND debit_account = (SELECT id FROM ledger_accounts WHERE code = 'treasury') AND event = 'settled'`;
    const change = (by: number) => owner.query(`UPDATE ledger_rollups SET amount = amount + $1 WHERE ${treasury}`, [by]);
    const { rowCount: buckets } = await change(1);
    const subject = 'event minute: treasury <- in_flight (settled)';
    await expectCleanBooks(pool, on(), [
      { class: 'rollup_sums', subject, expected: '2 entries, 2500', actual: `2 entries, ${2_500 + (buckets ?? 0)}` },
    ]);
    await change(-1);
    await expectCleanBooks(pool, on());
    const { rows } = await owner.query(`SELECT state, resolution FROM reconciliation_items WHERE class = 'rollup_sums'`);
    expect(rows).toEqual([{ state: 'resolved', resolution: 'gone' }]);
  });

  it('that lack a pair of accounts, or go less far than before, are told about', async () => {
    const taken = await owner.query(
      `DELETE FROM ledger_rollups WHERE basis = 'recorded' AND grain = 'day' AND event = 'broadcast' RETURNING *`,
    );
    expect(taken.rowCount).toBeGreaterThan(0);
    const subject = 'recorded day: in_flight <- authorized (broadcast)';
    await expectCleanBooks(pool, on(), [{ class: 'rollup_sums', subject, actual: 'nothing' }]);
    await owner.query('UPDATE ledger_fold SET folded_id = folded_id - 1');
    await expectCleanBooks(pool, on(), [{ class: 'rollup_sums', subject: 'fold' }]);
  });
});
