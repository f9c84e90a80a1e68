import { Pool } from 'pg';
import type { Chain } from '@tollbox/devstack/chain';
import { NETWORK, PAY_TO, SeededPayments } from '../support/reconciliation/seeded-payments';
import { ReconciliationWorld } from '../support/reconciliation/world';
import { signAuthorization } from '../support/payments/sign';

const DUST_ATOMIC = 1_000n;

/** Anybody can send payTo as much dust as he likes, for next to nothing. */
describe('dust on payTo', () => {
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

  const run = async () => {
    const outcome = await world.run({ dustAtomic: DUST_ATOMIC });
    if (outcome.kind !== 'done') throw new Error('another reconciliation runs');
    return outcome.result.counts;
  };
  const send = async (amounts: readonly bigint[]) => {
    for (const amount of amounts) await seed.transfer(seed.payer.address, PAY_TO, amount);
  };
  const open = async () => {
    const { rows } = await pool.query<{ class: string; receipts: string | null; sum: string; booked: string }>(
      `SELECT class, sum((detail->>'receipts')::int)::int AS receipts, sum(actual::numeric)::text AS sum FROM reconciliation_items
       WHERE state = 'open' GROUP BY class ORDER BY class`,
    );
    return rows;
  };
  const unmatchedAtomic = async () => {
    const { rows } = await pool.query<{ sum: string }>(
      `SELECT sum(CASE WHEN c.code = 'unmatched_receipts' THEN amount ELSE -amount END)::text AS sum FROM journal
         JOIN ledger_accounts d ON d.id = debit_account JOIN ledger_accounts c ON c.id = credit_account
       WHERE 'unmatched_receipts' IN (c.code, d.code)`,
    );
    return rows[0]?.sum;
  };

  it('is booked, told about in one item a day, and not looked at again', async () => {
    await run();
    await send([10n, 10n, 10n, 999n, 1_000n]);
    expect(await run()).toMatchObject({ receipts_reviewed: 5, receipts_booked: 5 });
    const first = [
      { class: 'dust_receipts', receipts: 4, sum: '1029' },
      { class: 'unmatched_receipt', receipts: null, sum: '1000' },
    ];
    expect(await open()).toEqual(first);
    expect(await unmatchedAtomic()).toBe('2029');

    expect(await run()).toMatchObject({ receipts_reviewed: 0, receipts_booked: 0 });
    expect(await open()).toEqual(first);

    const snapshot = await chain.rpc('evm_snapshot');
    await send([1n]);
    expect(await run()).toMatchObject({ receipts_reviewed: 1 });
    expect(await open()).toMatchObject([{ receipts: 5, sum: '1030' }, {}]);
    expect(await unmatchedAtomic()).toBe('2030');

    await chain.rpc('evm_revert', [snapshot]);
    await chain.mine(3);
    expect(await run()).toMatchObject({ lost: 1 });
    expect(await open()).toEqual(first);
    expect(await unmatchedAtomic()).toBe('2029');
  });

  it('that came by an authorization is looked at for a day, since its payment may still turn up', async () => {
    const signed = await signAuthorization({ network: NETWORK, payer: seed.payer, payTo: PAY_TO, amountAtomic: 7n });
    const { id, operationId } = { id: '', operationId: '' };
    await seed.submit({ ...(await seed.claim()), id, operationId, ...signed });
    await run();
    const byNonce = () =>
      pool.query(`SELECT state, is_dust, is_final FROM chain_receipts WHERE nonce = $1`, [signed.authorization.nonce]);
    expect((await byNonce()).rows).toEqual([{ state: 'unmatched', is_dust: true, is_final: false }]);
    expect((await run())['receipts_reviewed']).toBe(1);
    await owner.query(`UPDATE chain_receipts SET first_seen_at = first_seen_at - interval '1 day' WHERE NOT is_final`);
    await run();
    expect((await byNonce()).rows).toEqual([{ state: 'unmatched', is_dust: true, is_final: true }]);
    expect((await run())['receipts_reviewed']).toBe(0);
  });
});
