import { toRlp, type Hex } from 'viem';
import type { PrivateKeyAccount } from 'viem/accounts';
import { keccak256 } from '../hashing/keccak';

/** A transaction of EIP-1559 without an access list. */
export interface Eip1559Transaction {
  readonly chainId: number;
  readonly nonce: bigint;
  readonly maxPriorityFeePerGas: bigint;
  readonly maxFeePerGas: bigint;
  readonly gas: bigint;
  readonly to: Hex;
  readonly value: bigint;
  readonly data: Hex;
}

const TYPE = 0x02;
const R_END = 66;
const S_END = 130;

const bytesOf = (hex: string): Buffer => Buffer.from(hex, 'hex');
const hexOf = (bytes: Uint8Array): Hex => `0x${Buffer.from(bytes).toString('hex')}`;

/** Big-endian without leading zeros, as RLP has numbers; zero is empty. */
function integer(value: bigint): Buffer {
  if (value === 0n) return Buffer.alloc(0);
  const digits = value.toString(16);
  return bytesOf(digits.length % 2 === 0 ? digits : `0${digits}`);
}

const enveloped = (fields: readonly (Uint8Array | Uint8Array[])[]): Buffer =>
  Buffer.concat([Buffer.of(TYPE), toRlp(fields as Uint8Array[], 'bytes')]);

/**
 * Signs a transaction, and names it by its hash. Built from bytes throughout: a batch carries some 20 kB, of which a
 * general serializer makes hexadecimal text and back several times. A test holds it against viem's.
 */
export async function signEip1559(
  account: Pick<PrivateKeyAccount, 'sign'>,
  { chainId, nonce, maxPriorityFeePerGas, maxFeePerGas, gas, to, value, data }: Eip1559Transaction,
): Promise<{ raw: Hex; hash: Hex }> {
  const numbers = [BigInt(chainId), nonce, maxPriorityFeePerGas, maxFeePerGas, gas].map(integer);
  const fields = [...numbers, bytesOf(to.slice(2)), integer(value), bytesOf(data.slice(2)), []];
  const signature = await account.sign({ hash: hexOf(keccak256(enveloped(fields))) });
  const [r, s] = [BigInt(signature.slice(0, R_END)), BigInt(`0x${signature.slice(R_END, S_END)}`)];
  const yParity = signature.endsWith('1b') ? 0n : 1n;
  const raw = enveloped([...fields, integer(yParity), integer(r), integer(s)]);
  return { raw: hexOf(raw), hash: hexOf(keccak256(raw)) };
}
