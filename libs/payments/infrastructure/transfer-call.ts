import { encodeFunctionData } from 'viem';
import type { Authorization } from '../domain/authorization';
import { parseSignature } from '../domain/eip3009';
import type { Hex } from '../domain/networks';
import { usdcAbi } from './usdc-abi';

/**
 * Call data of `transferWithAuthorization`. A plain account's 65-byte signature goes through the (v, r, s) form with v
 * as 27 or 28, which is what the token's ecrecover demands; anything else through the bytes form, for EIP-1271.
 */
export function transferCallData(authorization: Authorization, signature: Hex): Hex {
  const { from, to, valueAtomic, validAfter, validBefore, nonce } = authorization;
  const common = [from, to, valueAtomic, validAfter, validBefore, nonce] as const;
  const compact = parseSignature(signature);
  if (compact === null)
    return encodeFunctionData({ abi: usdcAbi, functionName: 'transferWithAuthorization', args: [...common, signature] });
  const rs = Buffer.from(compact.rs).toString('hex');
  return encodeFunctionData({
    abi: usdcAbi,
    functionName: 'transferWithAuthorization',
    args: [...common, 27 + compact.recoveryId, `0x${rs.slice(0, 64)}`, `0x${rs.slice(64)}`],
  });
}
