import { privateKeyToAccount } from 'viem/accounts';
import { ConfigurationError, type Config } from '@tollbox/platform/config/config';

type KeyConfig = Pick<Config, 'PAY_TO' | 'REFUND_PRIVATE_KEY' | 'SETTLEMENT_PRIVATE_KEY' | 'SETTLEMENT_WALLETS'>;

/**
 * A refund wallet holds a float and nothing else: a key that also receives would give the takings to whoever steals it,
 * and one that also settles would fight for nonces.
 */
export function refuseSharedRefundKey(config: KeyConfig): void {
  if (config.REFUND_PRIVATE_KEY === undefined) return;
  const addressOf = (key: `0x${string}`) => privateKeyToAccount(key).address.toLowerCase();
  const wallet = addressOf(config.REFUND_PRIVATE_KEY);
  const settlement = (config.SETTLEMENT_PRIVATE_KEY ?? []).map(addressOf);
  if (wallet === config.PAY_TO) throw new ConfigurationError(['REFUND_PRIVATE_KEY: is the key of PAY_TO']);
  if ([...settlement, ...config.SETTLEMENT_WALLETS].includes(wallet))
    throw new ConfigurationError(['REFUND_PRIVATE_KEY: is a settlement key']);
}
