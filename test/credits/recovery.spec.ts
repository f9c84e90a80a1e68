import { randomBytes, randomUUID } from 'node:crypto';
import { broadcast, executed, failed, requeued, settled, type PaymentMoney } from '@tollbox/ledger/domain/postings/payment';
import { Journal } from '@tollbox/ledger/infrastructure/journal';
import { creditFingerprint, creditNonce } from '@tollbox/payments/domain/credit-call';
import { sha256Hex } from '@tollbox/payments/domain/fingerprint';
import { NETWORKS, type Hex } from '@tollbox/payments/domain/networks';
import { PostgresCreditClaims } from '@tollbox/payments/infrastructure/credit-claims';
import { inTransaction } from '@tollbox/platform/database/transaction';
import { CreditsWorld } from '../support/credits/world';

const CREATE = '/api/v1/modal/sandbox/create';
const NETWORK = NETWORKS['base-sepolia'];

describe('calls on credit when something goes wrong', () => {
  let world: CreditsWorld;
  const journal = new Journal(NETWORK.caip2);
  beforeAll(async () => {
    world = await CreditsWorld.start();
  });
  afterEach(async () => {
    const { journal: owed, balances, statements, held } = await world.sums();
    expect({ balances, statements, held }).toEqual({ balances: owed, statements: owed, held: '0' });
  });
  afterAll(() => world.stop());

  /** The claim of a gateway that dies right after it. */
  const claimAndDie = (wallet: Hex, idempotencyKey: string, priceAtomic = 10_000n) => {
    const bodySha256 = sha256Hex('{}');
    return new PostgresCreditClaims(world.pool, journal).claim(
      {
        key: { network: NETWORK.caip2, asset: NETWORK.usdc, payer: wallet, nonce: creditNonce(idempotencyKey) },
        payTo: world.config.PAY_TO,
        operation: 'sandbox.create',
        priceAtomic,
        feeAtomic: 0n,
        priceListVersion: 1,
        fingerprint: creditFingerprint({ method: 'POST', path: CREATE, bodySha256, wallet }),
        method: 'POST',
        path: CREATE,
        bodySha256,
      },
      { leaseHolder: 'dead', leaseMs: 1 },
    );
  };
  const owner = async (amountAtomic: bigint) => {
    const payer = await world.payer();
    const { token } = await world.topUp(payer, amountAtomic);
    return { payer, token, wallet: payer.address.toLowerCase() as Hex };
  };
  const book = (...postings: Parameters<Journal['append']>[1][]) =>
    inTransaction(world.pool, (client) => journal.append(client, postings.flat()));
  const topUpOf = async (wallet: string): Promise<PaymentMoney> => {
    const { rows } = await world.pool.query<{ id: string; operation_id: string; amount_atomic: string }>(
      `SELECT id, operation_id, amount_atomic FROM payments WHERE payer = $1 AND operation = 'credits.topup'`,
      [wallet],
    );
    const amountAtomic = BigInt(rows[0]!.amount_atomic);
    const { id, operation_id: operationId } = rows[0]!;
    return {
      id,
      operation: 'credits.topup',
      operationId,
      wallet,
      amountAtomic,
      priceAtomic: amountAtomic,
      round: 1,
      settlementMode: 'confirm',
    };
  };

  it('give the money back of a call whose process died, and run it once when it is sent again', async () => {
    const { token, wallet } = await owner(15_000n);
    const key = randomUUID();
    expect((await claimAndDie(wallet, key)).kind).toBe('claimed');
    expect(await world.account(wallet)).toEqual({ balance: '15000', held: '10000', debt: '0' });
    expect(await world.spend(token, CREATE, {})).toMatchObject({ status: 402, body: { code: 'insufficient_credits' } });

    const interrupted = await world.spend(token, CREATE, {}, key);
    expect(interrupted).toMatchObject({ status: 503, body: { code: 'operation_interrupted', charged: false, retryable: true } });
    expect(await world.account(wallet)).toEqual({ balance: '15000', held: '0', debt: '0' });
    const done = await world.spend(token, CREATE, {}, key);
    expect(done.status).toBe(200);
    expect((await world.spend(token, CREATE, {}, key)).body).toEqual(done.body);
    expect(await world.account(wallet)).toEqual({ balance: '5000', held: '0', debt: '0' });
    const { rows } = await world.pool.query('SELECT attempt, state, rail FROM payments WHERE nonce = $1', [creditNonce(key)]);
    expect(rows).toEqual([{ attempt: 2, state: 'settled', rail: 'credit' }]);
  });

  it('are recovered by the worker when nobody asks again', async () => {
    const { wallet } = await owner(10_000n);
    expect((await claimAndDie(wallet, randomUUID())).kind).toBe('claimed');
    while ((await world.account(wallet))?.held !== '0') await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await world.account(wallet)).toEqual({ balance: '10000', held: '0', debt: '0' });
  });

  it('hold no more than there is, however many claim at once', async () => {
    const { wallet } = await owner(35_000n);
    const claims = await Promise.all(Array.from({ length: 50 }, () => claimAndDie(wallet, randomUUID())));
    expect(claims.filter(({ kind }) => kind === 'claimed')).toHaveLength(3);
    expect(claims.filter(({ kind }) => kind === 'insufficient')).toHaveLength(47);
    while ((await world.account(wallet))?.held !== '0') await new Promise((resolve) => setTimeout(resolve, 50));
  });

  it('are refused by the database itself where the application would overdraw', async () => {
    const { wallet } = await owner(10_000n);
    await expect(
      world.pool.query(
        `INSERT INTO payments (id, rail, network, asset, payer, nonce, state, operation, operation_id, x402_version, pay_to, amount_atomic, price_atomic,
           valid_after, valid_before, signature, payer_kind, fingerprint, method, path, body_sha256, settlement_mode, lease_holder, lease_expires_at, claimed_at_block)
         VALUES ($1, 'credit', 'eip155:84532', '0xa', $2, $3, 'claimed', 'sandbox.exec', $1, 2, '0xb', 10001, 10001, 0, 1, '0x', 'eoa', 'f', 'POST', '/p', 'b',
           'confirm', 'spec', now(), 0)`,
        [randomUUID(), wallet, `0x${randomBytes(32).toString('hex')}`],
      ),
    ).rejects.toMatchObject({ constraint: 'credit_accounts_never_overdrawn' });
  });

  it('are refused while a lost top-up is owed, and go on when another one has paid for it', async () => {
    const { payer, token, wallet } = await owner(15_000n);
    expect((await world.spend(token, CREATE, {})).status).toBe(200);
    const lost = await topUpOf(wallet);
    await book(requeued(lost, 'treasury'), failed({ ...lost, round: 2 }, 'authorized'));
    expect(await world.account(wallet)).toEqual({ balance: '0', held: '0', debt: '10000' });
    expect(await world.spend(token, CREATE, {})).toMatchObject({
      status: 402,
      body: { code: 'credits_in_debt', charged: false },
    });

    expect((await world.topUp(payer, 12_000n)).answer.status).toBe(200);
    expect(await world.spend(token, CREATE, {})).toMatchObject({ status: 402, body: { code: 'insufficient_credits' } });
    expect(await world.account(wallet)).toEqual({ balance: '2000', held: '0', debt: '0' });
    expect((await world.topUp(payer, 10_000n)).answer.status).toBe(200);
    expect((await world.spend(token, CREATE, {})).status).toBe(200);
    expect(await world.account(wallet)).toEqual({ balance: '2000', held: '0', debt: '0' });
  });

  it('pay for answers that were released and whose payment the chain refused', async () => {
    const { token, wallet } = await owner(30_000n);
    const [id, operationId] = [randomUUID(), randomUUID()];
    await world.pool.query(
      `INSERT INTO payments (id, network, asset, payer, nonce, state, operation, operation_id, x402_version, pay_to, amount_atomic, price_atomic,
         valid_after, valid_before, signature, payer_kind, fingerprint, method, path, body_sha256, settlement_mode, lease_holder, lease_expires_at, claimed_at_block)
       VALUES ($1, 'eip155:84532', '0xa', $2, $3, 'claimed', 'sandbox.exec', $4, 2, '0xb', 1000, 1000, 0, 9999999999, '0x', 'eoa', 'f', 'POST', '/p', 'b',
         'optimistic', 'spec', now() + interval '1 hour', 1)`,
      [id, wallet, `0x${randomBytes(32).toString('hex')}`, operationId],
    );
    await world.stopWorker();
    const answered = `answer_status = 200, answer_expires_at = now() + interval '1 day', lease_holder = NULL, lease_expires_at = NULL`;
    await world.pool.query(`UPDATE payments SET state = 'queued', ${answered} WHERE id = $1`, [id]);
    await world.pool.query(`UPDATE payments SET state = 'failed', fail_reason = 'insufficient_funds' WHERE id = $1`, [id]);
    await world.startWorker();
    const money: PaymentMoney = {
      ...{ id, operation: 'sandbox.exec', operationId, wallet, amountAtomic: 1_000n, priceAtomic: 1_000n, round: 1 },
      settlementMode: 'optimistic',
    };
    await book(executed(money), failed(money, 'authorized'));
    expect(await world.account(wallet)).toEqual({ balance: '30000', held: '0', debt: '1000' });

    expect((await world.spend(token, CREATE, {})).status).toBe(200);
    expect(await world.account(wallet)).toEqual({ balance: '19000', held: '0', debt: '0' });
    const { rows } = await world.pool.query<{ cleared: boolean }>(
      'SELECT debt_cleared_at IS NOT NULL AS cleared FROM payments WHERE id = $1',
      [id],
    );
    expect(rows).toEqual([{ cleared: true }]);
  });

  it('count a top-up as pending again while its lost block is made up for', async () => {
    const { token, wallet } = await owner(40_000n);
    const lost = await topUpOf(wallet);
    await world.stopWorker();
    await world.pool.query(`UPDATE payments SET state = 'queued', round = 2 WHERE id = $1`, [lost.id]);
    await book(requeued(lost, 'treasury'));
    expect(await world.spend(token, CREATE, {})).toMatchObject({ status: 402, body: { code: 'insufficient_credits' } });
    await world.pool.query(`UPDATE payments SET state = 'settled' WHERE id = $1`, [lost.id]);
    await book(broadcast({ ...lost, round: 2 }), settled({ ...lost, round: 2 }, 'in_flight'));
    expect((await world.spend(token, CREATE, {})).status).toBe(200);
    await world.startWorker();
  });
});
