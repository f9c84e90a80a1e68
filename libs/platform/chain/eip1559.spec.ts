import fc from 'fast-check';
import { keccak256, type Hex } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { signEip1559 } from './eip1559';

const bytes = (minLength: number, maxLength: number) =>
  fc.uint8Array({ minLength, maxLength }).map((value): Hex => `0x${Buffer.from(value).toString('hex')}`);
const wei = fc.bigInt({ min: 0n, max: 2n ** 96n });

describe('signEip1559', () => {
  it('signs the bytes that viem signs, under the same hash', async () => {
    const account = privateKeyToAccount(generatePrivateKey());
    const transactions = fc.record({
      chainId: fc.constantFrom(1, 127, 128, 8453, 84532),
      nonce: fc.constantFrom(0n, 1n, 127n, 128n, 255n, 256n, 70_000n),
      maxFeePerGas: wei,
      maxPriorityFeePerGas: fc.constant(0n),
      gas: fc.bigInt({ min: 0n, max: 30_000_000n }),
      to: bytes(20, 20),
      value: wei,
      data: bytes(0, 300),
    });
    await fc.assert(
      fc.asyncProperty(transactions, async (transaction) => {
        const expected = await account.signTransaction({ ...transaction, type: 'eip1559', nonce: Number(transaction.nonce) });
        expect(await signEip1559(account, transaction)).toEqual({ raw: expected, hash: keccak256(expected) });
      }),
      { numRuns: 60 },
    );
  });
});
