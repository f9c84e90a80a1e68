import { encodeFunctionData } from 'viem';
import type { Authorization } from '../domain/authorization';
import { parseSignature } from '../domain/eip3009';
import type { Hex } from '../domain/networks';
import { usdcAbi } from './usdc-abi';

/** `transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32)` */
const COMPACT_TRANSFER = '0xe3ee160e';

const word = (value: bigint): string => value.toString(16).padStart(64, '0');
const addressWord = (address: Hex): string => address.slice(2).toLowerCase().padStart(64, '0');

/**
 * Call data of `transferWithAuthorization`. A plain account's 65-byte signature goes through the (v, r, s) form with v
 * as 27 or 28, which is what the token's ecrecover demands; anything else through the bytes form, for EIP-1271.
 */
export function transferCallData(authorization: Authorization, signature: Hex): Hex {
  const { from, to, valueAtomic, validAfter, validBefore, nonce } = authorization;
  const compact = parseSignature(signature);
  if (compact === null)
    return encodeFunctionData({
      abi: usdcAbi,
      functionName: 'transferWithAuthorization',
      args: [from, to, valueAtomic, validAfter, validBefore, nonce, signature],
    });
  return `${COMPACT_TRANSFER}${addressWord(from)}${addressWord(to)}${word(valueAtomic)}${word(validAfter)}${word(validBefore)}${nonce.slice(2)}${word(27n + BigInt(compact.recoveryId))}${Buffer.from(compact.rs).toString('hex')}`;
}
