import { z } from 'zod';
import { isWellKnownDevKey } from './dev-keys';
import { booksVariables } from './environment/books';
import { edgeVariables } from './environment/edge';
import { paymentsVariables } from './environment/payments';
import { sandboxesVariables } from './environment/sandboxes';

/**
 * The whole configuration, parsed once from the environment. Every variable has one line in `environment/`: name, bounds,
 * default, meaning. A test holds the table in README.md against these descriptions.
 */
export const environmentSchema = z.object({
  ...edgeVariables,
  ...paymentsVariables,
  ...booksVariables,
  ...sandboxesVariables,
  FAULT_KILL_AT: z.string().optional().describe('Test only: the process kills itself at this phase boundary. Refused on Base.'),
});

export type Environment = z.output<typeof environmentSchema>;

/** Thrown at start; its message lists every bad variable. */
export class ConfigurationError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(`Configuration is not valid:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.name = 'ConfigurationError';
  }
}

export type Config = Environment;
/** Nest's injection token for the parsed configuration. */
export const CONFIG = Symbol('Config');

/** Rules between variables, checked after each one is valid by itself. */
function crossChecks(environment: Environment): string[] {
  const problems: string[] = [];
  if (environment.CREDITS_MIN_TOPUP_ATOMIC > environment.CREDITS_MAX_TOPUP_ATOMIC)
    problems.push('CREDITS_MIN_TOPUP_ATOMIC: is above CREDITS_MAX_TOPUP_ATOMIC');
  if (environment.SANDBOX_IMAGES.length === 0) problems.push('SANDBOX_IMAGES: names no image');
  if (environment.SANDBOX_DEFAULT_MEMORY_MIB > environment.SANDBOX_MAX_MEMORY_MIB)
    problems.push('SANDBOX_DEFAULT_MEMORY_MIB: is above SANDBOX_MAX_MEMORY_MIB');
  if (environment.EXEC_OUTPUT_KEPT_MS <= environment.ANSWER_RETENTION_MS)
    problems.push('EXEC_OUTPUT_KEPT_MS: must be above ANSWER_RETENTION_MS, for which answers are replayed');
  if (environment.POOL_MIN > environment.POOL_MAX) problems.push('POOL_MIN: is above POOL_MAX');
  const withFlatPrice = [...environment.PRICE_CREATE_GPU_ATOMIC.keys()].sort().join();
  if (withFlatPrice !== [...environment.PRICE_CREATE_GPU_PER_HOUR_ATOMIC.keys()].sort().join())
    problems.push('PRICE_CREATE_GPU_ATOMIC, PRICE_CREATE_GPU_PER_HOUR_ATOMIC: do not name the same GPUs');
  if (environment.SANDBOX_PROVIDER === 'modal' && !(environment.MODAL_TOKEN_ID && environment.MODAL_TOKEN_SECRET))
    problems.push('MODAL_TOKEN_ID, MODAL_TOKEN_SECRET: are needed when SANDBOX_PROVIDER is modal');
  if (environment.X402_NETWORK === 'base' && environment.FAULT_KILL_AT !== undefined)
    problems.push('FAULT_KILL_AT: is refused on Base');
  const batchGas = environment.SETTLEMENT_BATCH_SIZE * environment.SETTLEMENT_GAS_PER_PAYMENT + 100_000;
  if (batchGas > environment.SETTLEMENT_BATCH_GAS_LIMIT)
    problems.push(`SETTLEMENT_BATCH_SIZE: such a batch may need ${batchGas} gas, more than SETTLEMENT_BATCH_GAS_LIMIT`);
  if (environment.X402_NETWORK === 'base' && environment.FACILITATOR_URL?.startsWith('http:') === true)
    problems.push('FACILITATOR_URL: must be https on Base');
  return problems;
}

/** Parses the environment, or throws a ConfigurationError that lists every problem. Empty variables count as absent. */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const present = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const parsed = environmentSchema.safeParse(present);
  if (!parsed.success) {
    throw new ConfigurationError(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`));
  }
  const problems = crossChecks(parsed.data);
  if (problems.length > 0) throw new ConfigurationError(problems);
  return Object.freeze(parsed.data);
}

/** On a chain that is not our own dev chain, a key that the whole world knows would be emptied at once. */
export function refuseDevKeysOnRealChain(config: Config, isDevChain: boolean): void {
  if (isDevChain) return;
  const problems = [
    { name: 'SETTLEMENT_PRIVATE_KEY', keys: config.SETTLEMENT_PRIVATE_KEY ?? [] },
    { name: 'REFUND_PRIVATE_KEY', keys: config.REFUND_PRIVATE_KEY === undefined ? [] : [config.REFUND_PRIVATE_KEY] },
  ]
    .filter(({ keys }) => keys.some(isWellKnownDevKey))
    .map(({ name }) => `${name}: is a well-known development key and this is not the development chain`);
  if (problems.length > 0) throw new ConfigurationError(problems);
}
