import type { Config } from '@tollbox/platform/config/config';
import type { PriceListContent, PriceRule, Tier } from '../domain/pricing';

export type PriceConfig = Pick<
  Config,
  | 'PRICE_CREATE_ATOMIC'
  | 'PRICE_CREATE_PER_HOUR_ATOMIC'
  | 'PRICE_CREATE_GPU_ATOMIC'
  | 'PRICE_CREATE_GPU_PER_HOUR_ATOMIC'
  | 'PRICE_INCLUDED_LIFETIME_S'
  | 'PRICE_EXEC_ATOMIC'
  | 'PRICE_STATUS_ATOMIC'
  | 'PRICE_TERMINATE_ATOMIC'
  | 'PRICE_SNAPSHOT_ATOMIC'
  | 'PRICE_TUNNEL_ATOMIC'
  | 'PRICE_FILES_ATOMIC'
  | 'PRICE_CALL_ATOMIC'
  | 'PRICE_TRANSACTION_FEE_ATOMIC'
  | 'CREDITS_MIN_TOPUP_ATOMIC'
>;

/** Operations on files, which all cost the same. */
const FILE_OPERATIONS = ['read', 'write', 'remove', 'mkdir', 'move', 'download', 'upload'].map((verb) => `files.${verb}`);

/** The price list that the configuration says. */
export function configuredPrices(config: PriceConfig): PriceListContent {
  const flat = (atomic: bigint) => ({ kind: 'flat', atomic: atomic.toString() }) as const;
  const gpu = [...config.PRICE_CREATE_GPU_ATOMIC].map(([name, atomic]): [string, Tier] => {
    // The configuration refuses a GPU that has one price and not the other.
    const perHour = config.PRICE_CREATE_GPU_PER_HOUR_ATOMIC.get(name) ?? atomic;
    return [name, { atomic: atomic.toString(), per_hour_atomic: perHour.toString() }];
  });
  const lifetime = {
    kind: 'lifetime',
    included_lifetime_s: config.PRICE_INCLUDED_LIFETIME_S,
    cpu: { atomic: config.PRICE_CREATE_ATOMIC.toString(), per_hour_atomic: config.PRICE_CREATE_PER_HOUR_ATOMIC.toString() },
    gpu: Object.fromEntries(gpu),
  } as const;
  return {
    transaction_fee_atomic: config.PRICE_TRANSACTION_FEE_ATOMIC.toString(),
    operations: {
      'sandbox.create': lifetime,
      'sandbox.run': runPrice(config, gpu),
      'sandbox.exec': flat(config.PRICE_EXEC_ATOMIC),
      'sandbox.status': flat(config.PRICE_STATUS_ATOMIC),
      'sandbox.terminate': flat(config.PRICE_TERMINATE_ATOMIC),
      'sandbox.snapshot': flat(config.PRICE_SNAPSHOT_ATOMIC),
      'sandbox.tunnel': flat(config.PRICE_TUNNEL_ATOMIC),
      ...Object.fromEntries(FILE_OPERATIONS.map((name) => [name, flat(config.PRICE_FILES_ATOMIC)])),
      'sandboxes.create': lifetime,
      'sandboxes.exec': flat(config.PRICE_EXEC_ATOMIC),
      'sandboxes.cell': flat(config.PRICE_EXEC_ATOMIC),
      'sandboxes.delete': flat(config.PRICE_TERMINATE_ATOMIC),
      'sandboxes.tags': flat(config.PRICE_CALL_ATOMIC),
      'credits.topup': { kind: 'asked', least_atomic: config.CREDITS_MIN_TOPUP_ATOMIC.toString() },
    },
  };
}

/** A run costs what its three calls cost: create, exec and terminate. */
function runPrice(config: PriceConfig, gpu: readonly [string, Tier][]): PriceRule {
  const calls = config.PRICE_EXEC_ATOMIC + config.PRICE_TERMINATE_ATOMIC;
  const withCalls = ({ atomic, per_hour_atomic }: Tier): Tier => ({
    atomic: (BigInt(atomic) + calls).toString(),
    per_hour_atomic,
  });
  const cpu = { atomic: config.PRICE_CREATE_ATOMIC.toString(), per_hour_atomic: config.PRICE_CREATE_PER_HOUR_ATOMIC.toString() };
  return {
    kind: 'lifetime',
    included_lifetime_s: config.PRICE_INCLUDED_LIFETIME_S,
    cpu: withCalls(cpu),
    gpu: Object.fromEntries(gpu.map(([name, tier]) => [name, withCalls(tier)])),
  };
}
