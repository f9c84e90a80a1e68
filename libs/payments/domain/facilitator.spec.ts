import { facilitatorRequest, readSettleAnswer, readVerifyAnswer, supportsNetwork } from './facilitator';
import { NETWORKS } from './networks';

const network = NETWORKS['base-sepolia'];
const HASH = `0x${'aB'.repeat(32)}`;

describe('readSettleAnswer', () => {
  it.each([
    [
      { success: true, transaction: HASH, network: 'eip155:84532' },
      { kind: 'succeeded', transactionHash: HASH.toLowerCase() },
    ],
    [
      { success: false, errorReason: 'settlement_pending', transaction: HASH },
      { kind: 'pending', transactionHash: HASH.toLowerCase() },
    ],
    [
      { success: false, errorReason: 'insufficient_funds', transaction: '' },
      { kind: 'refused', reason: 'insufficient_funds', transactionHash: null },
    ],
    [
      { success: false, errorReason: 'invalid_transaction_state', transaction: HASH },
      { kind: 'refused', reason: 'invalid_transaction_state', transactionHash: HASH.toLowerCase() },
    ],
    [{ success: false }, { kind: 'refused', reason: 'no reason given', transactionHash: null }],
    [
      { success: true, transaction: '' },
      { kind: 'unknown', reason: 'success without a transaction' },
    ],
    [
      { success: false, errorReason: 'settlement_pending', transaction: '0x12' },
      { kind: 'unknown', reason: 'settlement_pending without a transaction' },
    ],
    [{ error: 'Internal Server Error' }, null],
    ['<html>', null],
  ])('reads %j', (json, answer) => {
    expect(readSettleAnswer(json)).toEqual(answer);
  });
});

describe('readVerifyAnswer', () => {
  it('is valid, invalid with a reason, or none', () => {
    expect(readVerifyAnswer({ isValid: true, payer: '0x1' })).toEqual({ kind: 'valid' });
    expect(readVerifyAnswer({ isValid: false, invalidReason: 'x'.repeat(500) })).toEqual({
      kind: 'invalid',
      reason: 'x'.repeat(200),
    });
    expect(readVerifyAnswer({ valid: true })).toBeNull();
  });
});

describe('supportsNetwork', () => {
  const kind = { x402Version: 2, scheme: 'exact', network: 'eip155:84532' };
  it('asks for version 2 of exact on this network', () => {
    expect(supportsNetwork({ kinds: [{ ...kind, scheme: 'upto' }, kind], extensions: [] }, network)).toBe(true);
    expect(supportsNetwork({ kinds: [{ ...kind, x402Version: 1 }] }, network)).toBe(false);
    expect(supportsNetwork({ kinds: [{ ...kind, network: 'eip155:8453' }] }, network)).toBe(false);
    expect(supportsNetwork({ kinds: [] }, network)).toBe(false);
    expect(supportsNetwork({}, network)).toBeNull();
  });
});

describe('facilitatorRequest', () => {
  it('asks for what the authorization moves, also when that is more than the price', () => {
    const authorization = {
      from: '0x01',
      to: '0x02',
      valueAtomic: 1_500n,
      validAfter: 0n,
      validBefore: 9_999n,
      nonce: '0x03',
    } as const;
    expect(facilitatorRequest({ authorization, signature: '0x04' }, network, 300)).toMatchObject({
      x402Version: 2,
      paymentPayload: { accepted: { amount: '1500', network: 'eip155:84532' }, payload: { authorization: { value: '1500' } } },
      paymentRequirements: { scheme: 'exact', payTo: '0x02', asset: network.usdc, extra: { name: 'USDC', version: '2' } },
    });
  });
});
