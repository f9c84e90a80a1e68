import { decideRefund, type RefundablePayment } from './refund';

const LIMITS = { perPaymentAtomic: 500n, perDayAtomic: 1_000n };
const payment = (change: Partial<RefundablePayment> = {}): RefundablePayment => ({
  id: 'p',
  state: 'settled',
  operation: 'sandbox.exec',
  operationId: 'o',
  wallet: '0xa1',
  priceAtomic: 2_000n,
  refundedAtomic: 0n,
  dueAtomic: 0n,
  ...change,
});

describe('a refund', () => {
  it.each([
    ['within both limits', 500n, 0n, {}, false],
    ['above the limit of a payment', 501n, 0n, {}, true],
    ['that adds up with earlier ones of the payment', 1n, 0n, { refundedAtomic: 500n }, true],
    ['up to the limit of a day', 400n, 600n, {}, false],
    ['above the limit of a day', 401n, 600n, {}, true],
  ])('%s', (_, amount, today, change, needsSecondKey) => {
    expect(decideRefund(payment(change), amount, today, LIMITS)).toEqual({
      kind: 'accepted',
      needsSecondKey,
      owedAlready: false,
    });
  });

  it('is never more than was paid, all refunds of the payment together', () => {
    expect(decideRefund(payment(), 2_001n, 0n, LIMITS)).toEqual({ kind: 'too_much', leftAtomic: 2_000n });
    expect(decideRefund(payment({ refundedAtomic: 1_999n }), 2n, 0n, LIMITS)).toEqual({ kind: 'too_much', leftAtomic: 1n });
  });

  it.each(['claimed', 'queued', 'broadcast', 'unknown', 'voided', 'failed', 'expired'])(
    'is not for a payment that is %s',
    (state) => {
      expect(decideRefund(payment({ state }), 1n, 0n, LIMITS).kind).toBe('not_refundable');
    },
  );

  it.each([
    ['voided', 'sandbox.exec'],
    ['failed', 'sandbox.exec'],
    ['failed', 'credits.topup'],
  ])('pays out what came on a payment that is %s (%s), and no more', (state, operation) => {
    const uncharged = payment({ state, operation, dueAtomic: 300n, refundedAtomic: 100n });
    expect(decideRefund(uncharged, 200n, 0n, LIMITS)).toEqual({ kind: 'accepted', needsSecondKey: false, owedAlready: true });
    expect(decideRefund(uncharged, 201n, 0n, LIMITS)).toEqual({ kind: 'too_much', leftAtomic: 200n });
  });

  it('is not for a top-up of credits', () => {
    expect(decideRefund(payment({ operation: 'credits.topup' }), 1n, 0n, LIMITS).kind).toBe('not_refundable');
  });
});
