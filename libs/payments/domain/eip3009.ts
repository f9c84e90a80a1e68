import { keccak256 } from '@tollbox/platform/hashing/keccak';
import type { Authorization } from './authorization';
import type { Hex, Network } from './networks';

/**
 * EIP-712 hash of one fixed struct. Written out because a general hasher takes several times as long and this
 * is the hot path; a test holds it against viem on random authorizations.
 */
const STRUCT =
  'TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)';
const DOMAIN = 'EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)';
const WORD_BYTES = 32;

const hashText = (text: string): Uint8Array => keccak256(Buffer.from(text, 'utf8'));
const STRUCT_TYPE_HASH = hashText(STRUCT);

function writeWord(buffer: Buffer, index: number, value: bigint | Hex): void {
  const digits = typeof value === 'bigint' ? value.toString(16) : value.slice(2);
  if (digits.length > WORD_BYTES * 2) throw new RangeError('a word holds 32 bytes');
  buffer.write(digits.padStart(WORD_BYTES * 2, '0'), index * WORD_BYTES, 'hex');
}

export function domainSeparator(network: Network): Uint8Array {
  const words = Buffer.alloc(5 * WORD_BYTES);
  words.set(hashText(DOMAIN), 0);
  words.set(hashText(network.usdcDomain.name), WORD_BYTES);
  words.set(hashText(network.usdcDomain.version), 2 * WORD_BYTES);
  writeWord(words, 3, BigInt(network.chainId));
  writeWord(words, 4, network.usdc);
  return keccak256(words);
}

/** The 32 bytes that the payer signs. */
export function authorizationDigest(separator: Uint8Array, authorization: Authorization): Uint8Array {
  const words = Buffer.alloc(7 * WORD_BYTES);
  words.set(STRUCT_TYPE_HASH, 0);
  const { from, to, valueAtomic, validAfter, validBefore, nonce } = authorization;
  [from, to, valueAtomic, validAfter, validBefore, nonce].forEach((value, index) => writeWord(words, index + 1, value));
  return keccak256(Buffer.concat([Buffer.from([0x19, 0x01]), separator, keccak256(words)]));
}

// n / 2 of the secp256k1 group order. A larger s makes a second signature of the same digest, and USDC refuses it.
const HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n;

/** r, s and recovery id of a 65-byte signature, v normalised; null when it is none or its s is high. */
export interface CompactSignature {
  readonly rs: Uint8Array;
  readonly recoveryId: 0 | 1;
}

export function parseSignature(signature: Hex): CompactSignature | null {
  if (!/^0x[0-9a-f]{130}$/.test(signature)) return null;
  const bytes = Buffer.from(signature.slice(2), 'hex');
  const v = bytes.readUInt8(64);
  const recoveryId = v >= 27 ? v - 27 : v;
  if (recoveryId !== 0 && recoveryId !== 1) return null;
  if (BigInt(`0x${bytes.toString('hex', 32, 64)}`) > HALF_ORDER) return null;
  return { rs: bytes.subarray(0, 64), recoveryId };
}

/** Address of an uncompressed public key of 65 bytes. */
export function addressOfPublicKey(publicKey: Uint8Array): Hex {
  return `0x${Buffer.from(keccak256(publicKey.subarray(1))).toString('hex', 12)}`;
}
