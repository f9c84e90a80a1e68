import { setTimeout as sleep } from 'node:timers/promises';
import type { PaidOutcome } from '@tollbox/payments/application/outcomes';
import { REJECTIONS } from '@tollbox/payments/domain/authorization';
import { PaymentsHarness, PRICE_ATOMIC, PAY_TO, refuse } from '../support/payments/harness';
import { randomNonce } from '../support/payments/sign';

let world: PaymentsHarness;
beforeEach(async () => {
  world = await PaymentsHarness.start();
});
afterEach(async () => {
  await world.stop();
});

const text = (outcome: PaidOutcome): string => ('answer' in outcome ? outcome.answer.body.toString() : '');

describe('one paid call', () => {
  it('moves the money once and gives the answer, in v1 and v2', async () => {
    world.startSettler();
    const payer = await world.payer(PRICE_ATOMIC * 2n);
    for (const version of [1, 2] as const) {
      const outcome = await world.pay(await world.header(payer, { version }));
      expect(outcome).toMatchObject({ kind: 'paid', payment: { state: 'settled', x402Version: version } });
    }
    expect(await world.chain.balanceOf(PAY_TO)).toBe(PRICE_ATOMIC * 2n);
    expect(await world.settledAtomic()).toBe(PRICE_ATOMIC * 2n);
    expect((await world.eventKinds()).slice(0, 4)).toEqual(['claimed', 'executed', 'broadcast', 'settled']);
  });

  it('runs once for 50 twins sent at once by a payer who holds exactly one price, and gives all the same bytes', async () => {
    world.startSettler();
    world.operation.behaviour = () => sleep(50);
    const payer = await world.payer(PRICE_ATOMIC);
    const header = await world.header(payer);
    const outcomes = await Promise.all(Array.from({ length: 50 }, (_, index) => world.pay(header, {}, `gateway-${index % 2}`)));
    expect(new Set(outcomes.map((outcome) => outcome.kind))).toEqual(new Set(['paid']));
    expect(new Set(outcomes.map(text)).size).toBe(1);
    expect(world.operation.runs).toHaveLength(1);
    expect(await world.chain.balanceOf(PAY_TO)).toBe(PRICE_ATOMIC);
  });

  it('accepts at most one of n payments over a balance for one', async () => {
    world.startSettler();
    const payer = await world.payer(PRICE_ATOMIC);
    const headers = await Promise.all(Array.from({ length: 12 }, () => world.header(payer)));
    const outcomes = await Promise.all(headers.map((header) => world.pay(header)));
    expect(outcomes.filter((outcome) => outcome.kind === 'paid')).toHaveLength(1);
    const others = outcomes.filter((outcome) => outcome.kind !== 'paid');
    expect(others.every((outcome) => outcome.kind === 'rejected' && outcome.rejection.details === 'Insufficient balance')).toBe(
      true,
    );
    expect(world.operation.runs).toHaveLength(1);
  });

  it('takes every payment that the balance covers, also while earlier ones settle', async () => {
    world.startSettler();
    const payer = await world.payer(PRICE_ATOMIC * 20n);
    const headers = await Promise.all(Array.from({ length: 20 }, () => world.header(payer)));
    const outcomes = await Promise.all(
      headers.map(async (header, index) => {
        await sleep(index * 7);
        return world.pay(header);
      }),
    );
    expect(outcomes.map((outcome) => outcome.kind)).toEqual(Array.from({ length: 20 }, () => 'paid'));
    expect(await world.chain.balanceOf(PAY_TO)).toBe(PRICE_ATOMIC * 20n);
  });

  it('replays the stored bytes after settlement, after a price change and when admission would refuse', async () => {
    world.startSettler();
    const header = await world.header(await world.payer(PRICE_ATOMIC));
    const first = await world.pay(header);
    world.operation.admission = refuse('sandbox_gone');
    const again = await world.pay(header, { priceAtomic: PRICE_ATOMIC * 5n });
    expect(again.kind).toBe('paid');
    expect(text(again)).toBe(text(first));
    expect(world.operation.runs).toHaveLength(1);
  });

  it.each([{ body: '{"note":"other"}' }, { path: '/test/other' }])('is 409 with another request: %j', async (change) => {
    world.startSettler();
    const header = await world.header(await world.payer(PRICE_ATOMIC));
    await world.pay(header);
    expect(await world.pay(header, change)).toMatchObject({ kind: 'error', error: { code: 'payment_reused' }, charged: true });
    expect(world.operation.runs).toHaveLength(1);
  });
});

describe('not charged', () => {
  it('voids a refused operation, and the same header pays when repeating can help', async () => {
    world.startSettler();
    const header = await world.header(await world.payer(PRICE_ATOMIC));
    world.operation.behaviour = refuse('provider_unavailable');
    const refused = await world.pay(header);
    expect(refused).toMatchObject({ kind: 'voided', payment: { state: 'voided', voidRetryable: true } });
    expect(JSON.parse(text(refused))).toMatchObject({ code: 'provider_unavailable', charged: false, retryable: true });

    world.operation.behaviour = () => Promise.resolve();
    expect(await world.pay(header)).toMatchObject({ kind: 'paid', payment: { attempt: 2 } });
    expect(new Set(world.operation.runs).size).toBe(2);
    expect(await world.chain.balanceOf(PAY_TO)).toBe(PRICE_ATOMIC);
  });

  it('claims a void again only with the authorization that was claimed, not with another one of the same nonce', async () => {
    world.startSettler();
    const payer = await world.payer(PRICE_ATOMIC);
    const nonce = randomNonce();
    world.operation.behaviour = refuse('provider_unavailable');
    expect((await world.pay(await world.header(payer, { nonce }))).kind).toBe('voided');
    world.operation.behaviour = () => Promise.resolve();
    const other = await world.header(payer, { nonce, validBefore: BigInt(Math.floor(Date.now() / 1000)) + 900n });
    expect(await world.pay(other)).toMatchObject({ kind: 'error', error: { code: 'payment_reused' }, charged: false });
    expect(world.operation.runs).toHaveLength(1);
  });

  it('keeps the answer of an authorization without end for a bounded time', async () => {
    world.startSettler();
    const payer = await world.payer(PRICE_ATOMIC);
    expect((await world.pay(await world.header(payer, { validBefore: (1n << 256n) - 1n }))).kind).toBe('paid');
    const { rows } = await world.pool.query(`SELECT 1 FROM payments WHERE answer_expires_at < now() + interval '3 days'`);
    expect(rows).toHaveLength(1);
  });

  it('keeps the error of an operation that cannot be repeated', async () => {
    world.startSettler();
    const header = await world.header(await world.payer(PRICE_ATOMIC));
    world.operation.behaviour = refuse('operation_timeout');
    const first = await world.pay(header);
    world.operation.behaviour = () => Promise.resolve();
    const second = await world.pay(header);
    expect(text(second)).toBe(text(first));
    expect(world.operation.runs).toHaveLength(1);
    expect(await world.chain.balanceOf(PAY_TO)).toBe(0n);
  });

  it('lets the records decide after an accident in the handler', async () => {
    world.startSettler();
    const payer = await world.payer(PRICE_ATOMIC * 3n);
    const accident = (outcome: 'done' | 'not_started' | 'unknown') => {
      world.operation.behaviour = (operationId) => {
        if (outcome === 'done')
          world.operation.outcomes.set(operationId, { kind: 'done', answer: { status: 200, body: { rebuilt: true } } });
        else world.operation.outcomes.set(operationId, { kind: outcome });
        return Promise.reject(new Error('accident'));
      };
    };
    accident('done');
    const done = await world.pay(await world.header(payer));
    expect(done.kind).toBe('paid');
    expect(text(done)).toBe('{"rebuilt":true}');
    accident('not_started');
    expect(await world.pay(await world.header(payer))).toMatchObject({
      kind: 'voided',
      payment: { voidCode: 'operation_interrupted' },
    });
    accident('unknown');
    expect(await world.pay(await world.header(payer))).toMatchObject({
      kind: 'voided',
      payment: { voidCode: 'execution_lost', voidRetryable: false },
    });
    expect(world.problems).toHaveLength(3);
  });

  it('answers admission errors without a claim', async () => {
    const header = await world.header(await world.payer(PRICE_ATOMIC));
    world.operation.admission = refuse('sandbox_not_found');
    expect(await world.pay(header)).toMatchObject({ kind: 'error', error: { code: 'sandbox_not_found' }, charged: false });
    expect(await world.states()).toEqual({});
  });

  it('does not ask about a sandbox for an authorization that pays somebody else', async () => {
    const payer = await world.payer(PRICE_ATOMIC);
    let isAsked = false;
    world.operation.admission = () => {
      isAsked = true;
      return Promise.resolve();
    };
    const header = await world.header(payer, { payTo: `0x${'7'.repeat(40)}` });
    expect(await world.pay(header)).toMatchObject({ kind: 'rejected', rejection: REJECTIONS.recipient });
    expect(isAsked).toBe(false);
  });

  it('limits the payments in flight of a wallet', async () => {
    await world.stop();
    world = await PaymentsHarness.start({ MAX_IN_FLIGHT_PAYMENTS_PER_PAYER: '2', SETTLEMENT_CONFIRM_WAIT_MS: '1000' });
    const payer = await world.payer(PRICE_ATOMIC * 10n); // no settler runs: payments stay in flight
    const headers = await Promise.all(Array.from({ length: 4 }, () => world.header(payer)));
    const codes = (await Promise.all(headers.map((header) => world.pay(header)))).map((outcome) =>
      outcome.kind === 'error' ? outcome.error.code : '',
    );
    expect(codes.sort()).toEqual([
      'settlement_pending',
      'settlement_pending',
      'too_many_payments_in_flight',
      'too_many_payments_in_flight',
    ]);
  });

  it('is not charged when the chain does not answer', async () => {
    const header = await world.header(await world.payer(PRICE_ATOMIC));
    await world.chain.stop();
    expect(await world.pay(header)).toMatchObject({ kind: 'error', error: { code: 'chain_unavailable' }, charged: false });
    expect(await world.states()).toEqual({});
  });
});

describe('a gateway that died', () => {
  async function claimedBy(dead: string): Promise<string> {
    const header = await world.header(await world.payer(PRICE_ATOMIC));
    world.operation.behaviour = () => new Promise(() => undefined); // the process never comes back
    void world.pay(header, {}, dead);
    while (world.operation.runs.length === 0) await sleep(10);
    // The dead process renews no more.
    await world.pool.query(`UPDATE payments SET lease_holder = 'dead', lease_expires_at = now() - interval '1 second'`);
    world.operation.behaviour = () => Promise.resolve();
    return header;
  }

  it('done: the retry gets the answer that was never sent', async () => {
    world.startSettler();
    const header = await claimedBy('gateway-1');
    const operationId = world.operation.runs[0]!;
    world.operation.outcomes.set(operationId, { kind: 'done', answer: { status: 200, body: { saved: operationId } } });
    const outcome = await world.pay(header, {}, 'gateway-2');
    expect(outcome.kind).toBe('paid');
    expect(text(outcome)).toBe(JSON.stringify({ saved: operationId }));
    expect(world.operation.runs).toHaveLength(1);
  });

  it('not started: void, and the same header runs it as the next attempt', async () => {
    world.startSettler();
    const header = await claimedBy('gateway-1');
    const first = await world.pay(header, {}, 'gateway-2');
    expect(first).toMatchObject({ kind: 'voided', payment: { voidCode: 'operation_interrupted' } });
    expect(await world.pay(header, {}, 'gateway-2')).toMatchObject({ kind: 'paid', payment: { attempt: 2 } });
  });

  it('unknown: void for good and never run again', async () => {
    world.startSettler();
    const header = await claimedBy('gateway-1');
    world.operation.outcomes.set(world.operation.runs[0]!, { kind: 'unknown' });
    expect(await world.pay(header, {}, 'gateway-2')).toMatchObject({ kind: 'voided', payment: { voidCode: 'execution_lost' } });
    expect(await world.pay(header, {}, 'gateway-2')).toMatchObject({
      kind: 'voided',
      payment: { voidCode: 'execution_lost', attempt: 1 },
    });
    expect(world.operation.runs).toHaveLength(1);
    expect(await world.chain.balanceOf(PAY_TO)).toBe(0n);
  });

  it('that was only slow cannot complete a claim that was voided, and takes its work back', async () => {
    world.startSettler();
    const header = await world.header(await world.payer(PRICE_ATOMIC));
    let finish: () => void = () => undefined;
    world.operation.behaviour = () => new Promise((resolve) => (finish = resolve));
    const slow = world.pay(header, {}, 'gateway-1');
    while (world.operation.runs.length === 0) await sleep(10);
    await world.pool.query(`UPDATE payments SET lease_holder = 'lost', lease_expires_at = now() - interval '1 second'`);
    world.operation.outcomes.set(world.operation.runs[0]!, { kind: 'unknown' });
    await world.recoverAs('worker').recoverAll(10, 'test');
    finish();
    expect(await slow).toMatchObject({ kind: 'voided', payment: { voidCode: 'execution_lost' } });
    expect(world.operation.revoked).toEqual([world.operation.runs[0]]);
    expect(await world.chain.balanceOf(PAY_TO)).toBe(0n);
  });
});
