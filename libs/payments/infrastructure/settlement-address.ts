import { privateKeyToAccount } from 'viem/accounts';
import type { Config } from '@tollbox/platform/config/config';
import type { Hex } from '../domain/networks';

/** Settlement wallets that this process knows of; they never count as payers. */
export function settlementWalletAddress(config: Pick<Config, 'SETTLEMENT_PRIVATE_KEY' | 'SETTLEMENT_WALLETS'>): readonly Hex[] {
  const own = (config.SETTLEMENT_PRIVATE_KEY ?? []).map((key) => privateKeyToAccount(key).address.toLowerCase() as Hex);
  return [...new Set([...own, ...config.SETTLEMENT_WALLETS])];
}
