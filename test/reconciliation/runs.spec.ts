import type { Pool } from 'pg';
import type { Chain } from '@tollbox/devstack/chain';
import type { ChainLogs } from '@tollbox/reconciliation/application/ports/chain-logs';
import { LeaseLostError } from '@tollbox/reconciliation/application/ports/reconciliation-store';
import type { Finding } from '@tollbox/reconciliation/domain/item';
import { JsonRpc } from '@tollbox/platform/chain/json-rpc';
import { JsonRpcChainLogs } from '@tollbox/reconciliation/infrastructure/json-rpc-chain-logs';
import { ReaperSightings } from '../../apps/worker/src/provider-sightings';
import { bookingsOf, expectCleanBooks } from '../support/reconciliation/clean-books';
import type { ReconcilerOptions } from '../support/reconciliation/reconciler';
import { NETWORK, PAY_TO, SeededPayments } from '../support/reconciliation/seeded-payments';
import { ReconciliationWorld } from '../support/reconciliation/world';

describe('runs of reconciliation', () => {
  let world: ReconciliationWorld;
  let chain: Chain;
  let pool: Pool;
  let seed: SeededPayments;

  beforeAll(async () => {
    chain = await ReconciliationWorld.chainWith(1_000n);
  });
  afterAll(() => chain.stop());

  beforeEach(async () => {
    world = await ReconciliationWorld.start(chain, 'owner');
    ({ pool, seed } = world);
  });
  afterEach(() => world.stop());

  const run = (options: Partial<ReconcilerOptions> = {}) => world.run(options);
  const column = async (query: string): Promise<unknown[]> =>
    (await pool.query<unknown[]>({ text: query, rowMode: 'array' })).rows.map(([value]) => value);
  const isCleared = async (id: string): Promise<boolean> =>
    (await pool.query<{ cleared: boolean }>('SELECT debt_cleared_at IS NOT NULL AS cleared FROM payments WHERE id = $1', [id]))
      .rows[0]?.cleared === true;
  const receiptIds = () => column('SELECT id FROM chain_receipts ORDER BY id');

  it('take back what a lost block held, and book it again where it comes back', async () => {
    await run();
    const debt = await seed.claim({ settlementMode: 'optimistic' }, 1_300n);
    await seed.queue(debt);
    await seed.broadcast(debt);
    await seed.fail(debt);
    const snapshot = await chain.rpc('evm_snapshot');
    await seed.transfer(seed.payer.address, PAY_TO, 40n);
    await seed.submit(debt);
    await run();
    const [plain] = (await receiptIds()) as [string];
    expect((await bookingsOf(pool, debt.id)).slice(-2)).toEqual([
      'debt_paid 1: treasury <- customer_debt 1000',
      'debt_paid 1: treasury <- credits 300',
    ]);
    expect(await isCleared(debt.id)).toBe(true);
    const reopen = pool.query('UPDATE payments SET debt_cleared_at = NULL WHERE id = $1', [debt.id]);
    await expect(reopen).rejects.toThrow('only a debt can be cleared'); // the books hold none

    await chain.rpc('evm_revert', [snapshot]);
    await chain.mine(3);
    await expectCleanBooks(pool, world.on());
    expect(await bookingsOf(pool, plain)).toEqual([
      'unmatched 1: treasury <- unmatched_receipts 40',
      'unbooked 1: unmatched_receipts <- treasury 40',
    ]);
    expect((await bookingsOf(pool, debt.id)).slice(-2)).toEqual([
      'failed 2: customer_debt <- treasury 1000',
      'failed 2: credits <- treasury 300',
    ]);
    expect(await isCleared(debt.id)).toBe(false);

    await seed.submit(debt);
    await expectCleanBooks(pool, world.on());
    expect((await bookingsOf(pool, debt.id)).slice(-2)).toEqual([
      'debt_paid 2: treasury <- customer_debt 1000',
      'debt_paid 2: treasury <- credits 300',
    ]);
    expect(await isCleared(debt.id)).toBe(true);
  });

  it('follow a settled payment from its lost block to its next one', async () => {
    await run();
    const payment = await seed.claim();
    await seed.queue(payment);
    await seed.broadcast(payment);
    const snapshot = await chain.rpc('evm_snapshot');
    await seed.settle(payment, await seed.submit(payment));
    await expectCleanBooks(pool, world.on());

    await chain.rpc('evm_revert', [snapshot]);
    await chain.mine(2);
    await run();
    expect(await column(`SELECT class FROM reconciliation_items WHERE state = 'open'`)).toEqual(['missing_transfer']);
    const again = await seed.requeue(payment);
    await seed.broadcast(again);
    await seed.settle(again, await seed.submit(payment));
    await expectCleanBooks(pool, world.on());
    expect(await column('SELECT state FROM chain_receipts ORDER BY id')).toEqual(['lost', 'explained']);
  });

  it('go one at a time, and write nothing after another one has taken over', async () => {
    await run();
    for (let index = 0; index < 4; index++) await seed.transfer(seed.payer.address, PAY_TO, 10n + BigInt(index));
    let goOn: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (goOn = resolve));
    const slow = run({ leaseMs: 400, logs: stalling(gate) });
    const ended = expect(slow).rejects.toBeInstanceOf(LeaseLostError);
    while ((await receiptIds()).length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(await run()).toEqual({ kind: 'busy' });

    // Its lease runs out, as that of a killed process does: the next run makes up for it.
    let outcome = await run();
    while (outcome.kind === 'busy') {
      await new Promise((resolve) => setTimeout(resolve, 50));
      outcome = await run();
    }
    goOn();
    await ended;
    expect(await column(`SELECT state FROM reconciliation_runs ORDER BY id`)).toEqual(['done', 'abandoned', 'done']);
    expect(await column(`SELECT value_atomic FROM chain_receipts WHERE state = 'unmatched' ORDER BY 1`)).toEqual([
      '10',
      '11',
      '12',
      '13',
    ]);
    expect(await column(`SELECT count(*)::int FROM journal WHERE event = 'unmatched'`)).toEqual([4]);
  });

  it('keep the failure of a run, and start again from where it came to', async () => {
    await run();
    await seed.transfer(seed.payer.address, PAY_TO, 10n);
    await expect(run({ logs: stalling(Promise.reject(new Error('the node is gone'))) })).rejects.toThrow('the node is gone');
    expect(await column('SELECT error FROM reconciliation_runs WHERE error IS NOT NULL')).toEqual(['the node is gone']);
    expect(await run()).toMatchObject({ kind: 'done', open: { unmatched_receipt: 1 } });
  });

  it('tell of what the reaper sees, until it is gone', async () => {
    const provider = new ReaperSightings(pool, 0);
    await pool.query(`INSERT INTO orphan_sightings (provider, provider_ref) VALUES ('container', 'c1')`);
    await run({ provider });
    const open = `SELECT class || ' ' || subject FROM reconciliation_items WHERE state = 'open'`;
    expect(await column(open)).toEqual(['provider_orphan container:c1']);
    await run(); // without the provider's part nothing is known about it
    expect(await column(open)).toHaveLength(1);
    await pool.query('DELETE FROM orphan_sightings');
    await run({ provider });
    expect(await column(open)).toEqual([]);
  });

  it('open a closed difference again only when it is another one', async () => {
    const finding = (actual: string): Finding => ({
      class: 'provider_ghost',
      subject: 'sb-1',
      expected: 'x',
      actual,
      detail: {},
    });
    const see = (...findings: Finding[]) => run({ provider: { list: () => Promise.resolve(findings) } });
    const state = () => column('SELECT state FROM reconciliation_items');
    await see(finding('1'));
    await pool.query(`UPDATE reconciliation_items SET state = 'resolved', resolution = 'known', closed_at = now()`);
    await see(finding('1'));
    expect(await state()).toEqual(['resolved']);
    await see(finding('2'));
    expect(await state()).toEqual(['open']);
    await see();
    await see(finding('2'));
    expect(await state()).toEqual(['open']);
    expect(await column('SELECT to_state FROM reconciliation_item_events ORDER BY id')).toEqual([
      'open',
      'open',
      'resolved',
      'open',
    ]);
  });

  it('write a log that nobody changes', async () => {
    await run({
      provider: {
        list: () => Promise.resolve([{ class: 'provider_ghost', subject: 'sb-1', expected: null, actual: null, detail: {} }]),
      },
    });
    for (const change of [
      'UPDATE reconciliation_item_events SET reason = NULL',
      'DELETE FROM reconciliation_item_events',
      'DELETE FROM reconciliation_items',
    ])
      await expect(pool.query(change)).rejects.toThrow('append-only');
    await seed.transfer(seed.payer.address, PAY_TO, 10n);
    await run();
    await expect(pool.query('UPDATE chain_receipts SET value_atomic = 1')).rejects.toThrow('never changes');
  });

  /** The chain's logs, one transfer a batch; the second one comes when the gate opens. */
  function stalling(gate: Promise<void>): ChainLogs {
    gate.catch(() => undefined);
    const logs = new JsonRpcChainLogs(new JsonRpc(chain.rpcUrl, 5_000), {
      usdc: NETWORK.usdc,
      payTo: PAY_TO,
      confirmation: 'latest',
      blockRange: 1,
    });
    return {
      head: () => logs.head(),
      blockHash: (block) => logs.blockHash(block),
      balanceAtomic: (block) => logs.balanceAtomic(block),
      balanceWei: (wallet, block) => logs.balanceWei(wallet, block),
      async *transfers(from, to) {
        let isFirst = true;
        for await (const batch of logs.transfers(from, to)) {
          if (!isFirst) await gate;
          yield batch;
          if (batch.length > 0) isFirst = false;
        }
        await gate;
      },
    };
  }
});
