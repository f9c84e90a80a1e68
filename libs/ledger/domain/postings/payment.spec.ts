import type { Posting } from '../posting';
import { broadcast, executed, expired, failed, gas, requeued, settled, TOPUP_OPERATION, type PaymentMoney } from './payment';

const payment: PaymentMoney = {
  id: '00000000-0000-4000-8000-000000000001',
  operation: 'sandbox.exec',
  operationId: '00000000-0000-4000-8000-000000000002',
  wallet: '0xaa',
  amountAtomic: 1_200n,
  priceAtomic: 1_000n,
  round: 1,
  settlementMode: 'confirm',
};

/** Debits minus credits of every account that is not level. */
function balances(...postings: Posting[][]): Record<string, bigint> {
  const sums = new Map<string, bigint>();
  for (const { debit, credit, amount } of postings.flat()) {
    sums.set(debit, (sums.get(debit) ?? 0n) + amount);
    sums.set(credit, (sums.get(credit) ?? 0n) - amount);
  }
  return Object.fromEntries([...sums].filter(([, sum]) => sum !== 0n));
}

describe('postings of a payment', () => {
  it('earn the price, owe the excess and end in the treasury', () => {
    expect(balances(executed(payment), broadcast(payment), settled(payment, 'in_flight'))).toEqual({
      treasury: 1_200n,
      'revenue:sandbox.exec': -1_000n,
      credits: -200n,
    });
    expect(balances(executed(payment), settled(payment, 'authorized'))).toMatchObject({ treasury: 1_200n });
  });

  it('of a top-up owe all of it', () => {
    expect(balances(executed({ ...payment, operation: TOPUP_OPERATION }))).toEqual({ authorized: 1_200n, credits: -1_200n });
  });

  it('leave nothing when the chain refuses an answer that was not released', () => {
    expect(balances(executed(payment), failed(payment, 'authorized'))).toEqual({});
    expect(balances(executed(payment), broadcast(payment), failed(payment, 'in_flight'))).toEqual({});
  });

  it('leave a debt when the answer was released', () => {
    const optimistic: PaymentMoney = { ...payment, settlementMode: 'optimistic' };
    expect(balances(executed(optimistic), broadcast(optimistic), failed(optimistic, 'in_flight'))).toEqual({
      customer_debt: 1_000n,
      'revenue:sandbox.exec': -1_000n,
    });
  });

  it('leave no credit that did not arrive', () => {
    const topUp: PaymentMoney = { ...payment, operation: TOPUP_OPERATION };
    expect(balances(executed(topUp), failed(topUp, 'authorized'))).toEqual({});
    expect(balances(executed(topUp), broadcast(topUp), expired(topUp, 'in_flight'))).toEqual({});
    expect(balances(executed(payment), expired(payment, 'authorized'))).toEqual({
      expired_losses: 1_000n,
      'revenue:sandbox.exec': -1_000n,
    });
  });

  it('of a call on credit use the credit up and touch no money', () => {
    expect(balances(executed({ ...payment, amountAtomic: 1_000n, rail: 'credit' }))).toEqual({
      credits: 1_000n,
      'revenue:sandbox.exec': -1_000n,
    });
  });

  it('take a lost block back and go round again', () => {
    const again = { ...payment, round: 2 };
    const lost = [executed(payment), broadcast(payment), settled(payment, 'in_flight'), requeued(payment, 'treasury')];
    expect(balances(...lost)).toMatchObject({ authorized: 1_200n });
    expect(balances(...lost, broadcast(again), settled(again, 'in_flight'))).toMatchObject({ treasury: 1_200n });
    expect(balances(...lost, expired(again, 'authorized'))).toMatchObject({ expired_losses: 1_000n });
    const keys = [...lost.flat(), ...broadcast(again)].map(({ event, round, leg }) => `${event} ${round ?? 1} ${leg ?? 1}`);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('book a share of gas in wei, and no share of nothing', () => {
    expect(balances(gas(payment, 1, 5n))).toEqual({ gas_expense: 5n, gas_wallet: -5n });
    expect(gas(payment, 1, 0n)).toEqual([]);
  });
});
