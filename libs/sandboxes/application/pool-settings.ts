import type { Config } from '@tollbox/platform/config/config';
import type { KeepPoolSettings } from './keep-pool';

/** After this a worker that died is replaced. */
const POOL_LEASE_MS = 15_000;

/** Of the worker that keeps the pool. */
export function poolSettings(config: Config, holder: string): KeepPoolSettings {
  const [image = ''] = config.SANDBOX_IMAGES; // the configuration names at least one
  return {
    min: config.POOL_MIN,
    max: config.POOL_MAX,
    leadMs: config.POOL_LEAD_S * 1_000,
    windowMs: config.POOL_DEMAND_WINDOW_S * 1_000,
    costCeilingUsdE12PerHour: BigInt(Math.round(config.POOL_MAX_USD_PER_HOUR * 1e6)) * 1_000_000n,
    defaultProfile: { image, cpuMillis: 1_000, memoryMiB: config.SANDBOX_DEFAULT_MEMORY_MIB },
    maxAgeMs: config.POOL_MAX_AGE_S * 1_000,
    maxLifetimeMs: config.SANDBOX_MAX_LIFETIME_S * 1_000,
    lifetimeMarginMs: config.SANDBOX_LIFETIME_MARGIN_MS,
    createDeadlineMs: config.SANDBOX_CREATE_DEADLINE_MS,
    concurrency: config.POOL_CONCURRENCY,
    holder,
    leaseMs: POOL_LEASE_MS,
  };
}
