import { NETWORKS } from '../domain/networks';
import type { Terms } from '../domain/terms';
import { unpaidAnswer } from './payment-answers';
import { UnpaidAnswers } from './unpaid-answers';

const terms = (change: Partial<Terms> = {}): Terms => ({
  operation: 'sandbox.exec',
  network: NETWORKS['base-sepolia'],
  payTo: '0x90f79bf6eb2c4f870365e785982e1f101e93b906',
  priceAtomic: 1_000n,
  feeAtomic: 0n,
  priceListVersion: 1,
  maxTimeoutSeconds: 300,
  resourceUrl: 'http://seller.example/exec?ü',
  description: 'sandbox exec',
  ...change,
});

describe('the answer to an unpaid request', () => {
  it('is the same as one that is made anew, for each of its terms', () => {
    const answers = new UnpaidAnswers();
    const all = [
      terms(),
      terms({ priceAtomic: 7n }),
      terms({ maxTimeoutSeconds: 400 }),
      terms({ resourceUrl: 'http://other.example/' }),
    ];
    for (const one of [...all, ...all])
      for (const requestId of ['5f0c8a8e-1111-4222-8333-444455556666', 'r']) {
        const { status, headers, body } = answers.answer(one, requestId);
        const expected = unpaidAnswer(one, requestId);
        expect({ status, headers, body: body.toString() }).toEqual({
          status: expected.status,
          headers: expected.headers,
          body: expected.body.toString(),
        });
      }
    expect(answers.size).toBe(4);
  });

  it('is remembered for a bounded number of terms', () => {
    const answers = new UnpaidAnswers();
    for (let host = 0; host < 2_500; host++) answers.answer(terms({ resourceUrl: `http://${host}.example/` }), 'r');
    expect(answers.size).toBeLessThanOrEqual(1_000);
  });
});
