import { hashDomain, hashTypedData } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { randomNonce, signAuthorization, TRANSFER_TYPES } from '../../../test/support/payments/sign';
import { loadNative, loadWasm } from '../infrastructure/signature-recovery';
import { addressOfPublicKey, authorizationDigest, domainSeparator, parseSignature } from './eip3009';
import { NETWORKS, type Hex } from './networks';

const hex = (bytes: Uint8Array): Hex => `0x${Buffer.from(bytes).toString('hex')}`;
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

// Published test vector: anvil's accounts 1 → 3 (public test keys).
const VECTOR = {
  from: '0x70997970c51812dc3a010c7d01b50e0d17dc79c8',
  to: '0x90f79bf6eb2c4f870365e785982e1f101e93b906',
  valueAtomic: 10_000n,
  validAfter: 1_767_225_000n,
  validBefore: 1_767_225_900n,
  nonce: `0x${'01'.repeat(32)}`,
} as const;
const VECTOR_SIGNATURE =
  '0x4a3298825449238b2b519e0baa72a12ccd3e8342c4d1fe6c274e8213374fd14c559a66d0897b745193157abff8f347f258c98d1f9fbc28aea1f348da5f0f49cc1b';

describe('EIP-3009 digest', () => {
  it.each([
    [
      'base',
      '0x02fa7265e7c5d81118673727957699e4d68f74cd74b7db77da710fe8a2c7834f',
      '0xd520f2a60d2451dfe634ee05519f4229c35803f09e8a4bbd92bc88555f76d76c',
    ],
    [
      'base-sepolia',
      '0x71f17a3b2ff373b803d70a5a07c046c1a2bc8e89c09ef722fcb047abe94c9818',
      '0x386a22a2db52752674ac2cbb68aae7547ddf2af62ba2ddce26a411432ff1af16',
    ],
  ] as const)('has the published separator and digest on %s', (name, separator, digest) => {
    expect(hex(domainSeparator(NETWORKS[name]))).toBe(separator);
    expect(hex(authorizationDigest(domainSeparator(NETWORKS[name]), VECTOR))).toBe(digest);
  });

  it('equals viem on random authorizations, and recovery gives the signer', async () => {
    const network = NETWORKS.base;
    const separator = domainSeparator(network);
    const domain = { ...network.usdcDomain, chainId: network.chainId, verifyingContract: network.usdc };
    expect(hex(separator)).toBe(
      hashDomain({
        domain: { ...domain, chainId: BigInt(network.chainId) },
        types: {
          EIP712Domain: [
            { name: 'name', type: 'string' },
            { name: 'version', type: 'string' },
            { name: 'chainId', type: 'uint256' },
            { name: 'verifyingContract', type: 'address' },
          ],
        },
      }),
    );
    const native = await loadNative();
    const wasm = await loadWasm();
    expect(native).not.toBeNull();
    for (let index = 0; index < 50; index++) {
      const payer = privateKeyToAccount(generatePrivateKey());
      const amountAtomic = BigInt(randomNonce()) >> BigInt(index * 4);
      const { authorization, signature } = await signAuthorization({ network, payer, payTo: network.usdc, amountAtomic });
      const digest = authorizationDigest(separator, authorization);
      const { valueAtomic, ...rest } = authorization;
      expect(hex(digest)).toBe(
        hashTypedData({
          domain,
          types: TRANSFER_TYPES,
          primaryType: 'TransferWithAuthorization',
          message: { ...rest, value: valueAtomic },
        }),
      );
      const compact = parseSignature(signature);
      for (const recovery of [native!, wasm]) {
        expect(addressOfPublicKey(recovery.recover(digest, compact!)!)).toBe(payer.address.toLowerCase());
      }
    }
  });
});

describe('parseSignature', () => {
  it('reads v as 27, 28, 0 or 1', () => {
    const rs = VECTOR_SIGNATURE.slice(0, 130);
    expect(parseSignature(`${rs}1b` as Hex)?.recoveryId).toBe(0);
    expect(parseSignature(`${rs}1c` as Hex)?.recoveryId).toBe(1);
    expect(parseSignature(`${rs}00` as Hex)?.recoveryId).toBe(0);
    expect(parseSignature(`${rs}01` as Hex)?.recoveryId).toBe(1);
    expect(parseSignature(`${rs}1d` as Hex)).toBeNull();
  });

  it('refuses a high s, which recovers the same signer', () => {
    const s = BigInt(`0x${VECTOR_SIGNATURE.slice(66, 130)}`);
    const high = (ORDER - s).toString(16).padStart(64, '0');
    expect(parseSignature(`${VECTOR_SIGNATURE.slice(0, 66)}${high}1c` as Hex)).toBeNull();
  });

  it.each([64, 66])('refuses %d bytes', (length) => {
    expect(parseSignature(`0x${'11'.repeat(length)}`)).toBeNull();
  });
});

describe('recovery', () => {
  it('answers null for a signature that belongs to no point', async () => {
    const zero = { rs: new Uint8Array(64), recoveryId: 0 as const };
    expect((await loadWasm()).recover(new Uint8Array(32), zero)).toBeNull();
    expect((await loadNative())?.recover(new Uint8Array(32), zero)).toBeNull();
  });
});
