import { randomUUID } from 'node:crypto';
import { Pool } from 'pg';
import type { Posting } from '@tollbox/ledger/domain/posting';
import { debtRepaid } from '@tollbox/ledger/domain/postings/credits';
import {
  executed,
  expired,
  failed,
  requeued,
  settled,
  TOPUP_OPERATION,
  type PaymentMoney,
} from '@tollbox/ledger/domain/postings/payment';
import { Journal } from '@tollbox/ledger/infrastructure/journal';
import { inTransaction } from '@tollbox/platform/database/transaction';
import { testDatabase, type TestDatabase } from '../support/stack';

describe('the balance of a credit account', () => {
  let database: TestDatabase;
  let pool: Pool;
  const journal = new Journal('eip155:84532');
  beforeAll(async () => {
    database = await testDatabase();
    pool = new Pool({ connectionString: database.url, max: 8 });
  });
  afterEach(async () => {
    const { rows } = await pool.query<{ credits: string; balances: string; entries: string; debts: string; owed: string }>(
      `SELECT (SELECT sum(balance_atomic) FROM credit_accounts) AS balances, (SELECT sum(debt_atomic) FROM credit_accounts) AS owed,
         (SELECT sum(amount_atomic) FROM credit_entries) AS entries,
         (SELECT sum(CASE WHEN c.code = 'credits' THEN amount WHEN d.code = 'credits' THEN -amount ELSE 0 END) FROM journal
           JOIN ledger_accounts c ON c.id = credit_account JOIN ledger_accounts d ON d.id = debit_account) AS credits,
         (SELECT sum(CASE WHEN d.code = 'customer_debt' THEN amount WHEN c.code = 'customer_debt' THEN -amount ELSE 0 END) FROM journal
           JOIN ledger_accounts c ON c.id = credit_account JOIN ledger_accounts d ON d.id = debit_account) AS debts`,
    );
    const { balances, entries, credits, debts, owed } = rows[0]!;
    expect({ balances, entries, owed }).toEqual({ balances: credits, entries: credits, owed: debts });
  });
  afterAll(async () => {
    await pool.end();
    await database.drop();
  });

  const append = (...postings: Posting[]) => inTransaction(pool, (client) => journal.append(client, postings));
  const newWallet = () => `0x${randomUUID().replaceAll('-', '')}`;
  const money = (changes: Partial<PaymentMoney> = {}): PaymentMoney => ({
    id: randomUUID(),
    operation: TOPUP_OPERATION,
    operationId: randomUUID(),
    wallet: newWallet(),
    amountAtomic: 5_000n,
    priceAtomic: 5_000n,
    round: 1,
    settlementMode: 'confirm',
    ...changes,
  });
  const account = async (wallet: string) =>
    (
      await pool.query<Record<string, string>>(
        'SELECT balance_atomic AS balance, held_atomic AS held, debt_atomic AS debt FROM credit_accounts WHERE wallet = $1',
        [wallet],
      )
    ).rows[0];
  const use = (wallet: string, priceAtomic: bigint) =>
    executed(money({ operation: 'sandbox.exec', wallet, amountAtomic: priceAtomic, priceAtomic, rail: 'credit' }));

  it('follows top-ups, uses and excesses', async () => {
    const topup = money();
    await append(...executed(topup), ...settled(topup, 'authorized'));
    await append(...use(topup.wallet, 1_000n), ...use(topup.wallet, 500n));
    await append(...executed(money({ operation: 'sandbox.exec', wallet: topup.wallet, priceAtomic: 4_900n })));
    expect(await account(topup.wallet)).toEqual({ balance: '3600', held: '0', debt: '0' });
  });

  it('is never overdrawn, whoever books', async () => {
    const topup = money();
    await append(...executed(topup));
    await expect(append(...use(topup.wallet, 5_001n))).rejects.toMatchObject({ code: '23514' });
    await expect(append({ ...use(topup.wallet, 1n)[0]!, wallet: null })).rejects.toMatchObject({ code: '23514' });
    expect(await account(topup.wallet)).toEqual({ balance: '5000', held: '0', debt: '0' });
  });

  it('gives back a top-up that the chain refuses before anything of it was used', async () => {
    const topup = money();
    await append(...executed(topup));
    await append(...failed(topup, 'authorized'));
    expect(await account(topup.wallet)).toEqual({ balance: '0', held: '0', debt: '0' });
  });

  it.each([
    ['refused', failed],
    ['too late', expired],
  ] as const)('of a lost top-up that is then %s is nothing, and what was spent is owed', async (_, end) => {
    const topup = money();
    await append(...executed(topup), ...settled(topup, 'authorized'));
    await append(...use(topup.wallet, 1_800n));
    await append(...requeued(topup, 'treasury'));
    await append(...end({ ...topup, round: 2 }, 'authorized'));
    expect(await account(topup.wallet)).toEqual({ balance: '0', held: '0', debt: '1800' });

    await append(...executed(money({ wallet: topup.wallet })), ...debtRepaid(randomUUID(), topup.wallet, 1_800n));
    expect(await account(topup.wallet)).toEqual({ balance: '3200', held: '0', debt: '0' });
  });

  it('keeps what running calls hold when a top-up is lost', async () => {
    const topup = money();
    await append(...executed(topup), ...settled(topup, 'authorized'));
    await pool.query('UPDATE credit_accounts SET held_atomic = 700 WHERE wallet = $1', [topup.wallet]);
    await append(...failed(topup, 'treasury'));
    expect(await account(topup.wallet)).toEqual({ balance: '700', held: '700', debt: '700' });
  });

  it('survives many writers at once, also of the same wallets', async () => {
    const wallets = [newWallet(), newWallet(), newWallet()];
    await append(...wallets.flatMap((wallet) => executed(money({ wallet, amountAtomic: 1_000_000n }))));
    await Promise.all(
      Array.from({ length: 40 }, (_, n) => append(...[0, 1, 2].flatMap((k) => use(wallets[(n + k) % 3]!, BigInt(n + 1))))),
    );
    for (const wallet of wallets) expect(await account(wallet)).toEqual({ balance: '999180', held: '0', debt: '0' });
  });
});
