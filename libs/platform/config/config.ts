import { z } from 'zod';
import { isWellKnownDevKey } from './dev-keys';
import {
  address,
  atomic,
  atomicOrZero,
  flag,
  integer,
  isAddressOrRange,
  namedAtomic,
  privateKey,
  privateKeys,
} from './value-kinds';

/**
 * The whole configuration, parsed once from the environment. Every variable has one line here: name, bounds, default,
 * meaning. A test holds the table in README.md against these descriptions.
 */

export const environmentSchema = z.object({
  HOST: z.string().default('127.0.0.1').describe('Address that the gateway binds.'),
  PORT: integer(0, 65535, 4020, 'Port of the gateway; 0 takes a free one.'),
  PUBLIC_URL: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('Public base URL for `resource.url`; without it the Host header is used.'),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info').describe('Log level.'),

  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }).describe('PostgreSQL connection URL.'),
  DATABASE_POOL_SIZE: integer(2, 200, 10, 'Connections of each pool of each process.'),
  DATABASE_CONNECTION_TIMEOUT_MS: integer(100, 600_000, 5_000, 'How long a query waits for a connection.'),
  DATABASE_STATEMENT_TIMEOUT_MS: integer(100, 600_000, 15_000, 'Deadline of one statement, and of an idle open transaction.'),

  RPC_URL: z.url({ protocol: /^https?$/ }).describe('JSON-RPC endpoint of the chain.'),
  RPC_TIMEOUT_MS: integer(100, 60_000, 5_000, 'Deadline of one call to the chain.'),
  X402_NETWORK: z.enum(['base', 'base-sepolia']).default('base-sepolia').describe('Chain that payments settle on.'),
  PAY_TO: address('Wallet that receives the payments. One per installation; checked against the database at start.'),
  SETTLEMENT_PRIVATE_KEY: privateKeys(
    'Keys that send settlement transactions and pay their gas, comma-separated; they share the queue. Only the worker needs them.',
  ).optional(),
  SETTLEMENT_WALLETS: z
    .string()
    .default('')
    .transform((text) =>
      text
        .split(',')
        .map((wallet) => wallet.trim().toLowerCase())
        .filter((wallet) => wallet !== ''),
    )
    .pipe(
      z.array(
        z
          .string()
          .regex(/^0x[0-9a-f]{40}$/, 'EVM addresses: 0x and 40 hex digits')
          .transform((wallet) => wallet as `0x${string}`),
      ),
    )
    .describe(
      'Addresses of the settlement keys, comma-separated, for a gateway that does not have the key; never accepted as payers.',
    ),
  SETTLEMENT_CONFIRM_WAIT_MS: integer(
    1_000,
    120_000,
    25_000,
    'How long a request waits for its settlement or for a running twin before 503.',
  ),
  SETTLEMENT_BATCH_SIZE: integer(1, 200, 50, 'Payments that one settlement transaction carries at most.'),
  SETTLEMENT_BATCH_AGE_MS: integer(
    0,
    600_000,
    1_000,
    'How long an optimistic payment waits in the queue for company. A payer who waits for his answer is never held back.',
  ),
  SETTLEMENT_URGENT_BELOW_MS: integer(
    0,
    600_000,
    60_000,
    'A queued payment with less time left than this is sent without waiting for company.',
  ),
  SETTLEMENT_MAX_IN_FLIGHT: integer(1, 256, 16, 'Settlement transactions sent and not yet seen in a block, per key.'),
  SETTLEMENT_LEASE_MS: integer(1_000, 300_000, 10_000, 'A settler that does not renew its lease within this time is replaced.'),
  SETTLEMENT_POLL_MS: integer(20, 60_000, 250, 'How often the settler looks at its queue when nothing wakes it.'),
  SETTLEMENT_UNKNOWN_AFTER_MS: integer(1_000, 600_000, 30_000, 'A sent payment without a receipt after this time is `unknown`.'),
  SETTLEMENT_MAX_FEE_PER_GAS_WEI: atomic('5000000000', 'Ceiling of maxFeePerGas in wei; above it the queue waits.'),
  SETTLEMENT_REBROADCAST_MS: integer(
    50,
    600_000,
    3_000,
    'A settlement transaction without a receipt is given to the node again after this time.',
  ),
  SETTLEMENT_BUMP_AFTER_MS: integer(
    500,
    600_000,
    15_000,
    'A settlement transaction that is in no block after this time is replaced at a price 12.5 % higher or more.',
  ),
  SETTLEMENT_DROP_AFTER_MS: integer(
    0,
    600_000,
    10_000,
    "A nonce that is used, while no receipt of ours is seen, is believed to be somebody else's after this time.",
  ),
  SETTLEMENT_REORG_CHECK_MS: integer(50, 600_000, 5_000, 'Time between two looks whether the newest blocks still stand.'),
  SETTLEMENT_CONFIRMATIONS: z
    .enum(['latest', 'safe', 'finalized'])
    .default('latest')
    .describe('A settlement is looked at again until its block is `safe` or `finalized`; with `latest` for 64 blocks.'),
  FACILITATOR_URL: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('x402 facilitator that settles the payments; then the worker needs no SETTLEMENT_PRIVATE_KEY and uses none.'),
  FACILITATOR_TIMEOUT_MS: integer(
    1_000,
    300_000,
    90_000,
    'Deadline of one question to the facilitator. A settlement without an answer is `unknown`; the chain decides it.',
  ),
  FACILITATOR_AUTH_HEADER: z
    .string()
    .regex(/^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/, 'the value of an HTTP header')
    .optional()
    .describe('Value of the Authorization header for the facilitator; a secret.'),
  FACILITATOR_FEE_ATOMIC: atomicOrZero('0', 'What the facilitator charges for a settlement, in atomic USDC; booked, not paid.'),
  FACILITATOR_MAX_CONCURRENT: integer(1, 1_000, 16, 'Settlements that the facilitator is asked for at once.'),
  EIP1271_GAS_CAP: integer(50_000, 10_000_000, 300_000, 'Gas that the signature check of a contract wallet may use.'),
  SETTLEMENT_GAS_LIMIT: integer(
    100_000,
    10_000_000,
    300_000,
    'Gas limit of a payment that is settled alone, the signature check of a contract wallet included.',
  ),
  SETTLEMENT_GAS_PER_PAYMENT: integer(60_000, 1_000_000, 110_000, 'Gas limit of each payment in a batch.'),
  SETTLEMENT_BATCH_GAS_LIMIT: integer(
    200_000,
    30_000_000,
    16_000_000,
    'Gas limit of a settlement transaction; Base takes none above 16,777,216.',
  ),

  PRICE_CREATE_ATOMIC: atomic('10000', 'Price of create in atomic USDC, without GPU and up to PRICE_INCLUDED_LIFETIME_S.'),
  PRICE_CREATE_PER_HOUR_ATOMIC: atomic(
    '100000',
    'Price of an hour of a longer lifetime without GPU, in atomic USDC; charged for exactly the time asked for.',
  ),
  PRICE_CREATE_GPU_ATOMIC: namedAtomic(
    'T4=50000,L4=80000,A10G=100000,A100=200000,H100=400000',
    'Price of create with a GPU, up to PRICE_INCLUDED_LIFETIME_S, as `type=atomic USDC`.',
  ),
  PRICE_CREATE_GPU_PER_HOUR_ATOMIC: namedAtomic(
    'T4=1500000,L4=2000000,A10G=2500000,A100=4000000,H100=8000000',
    'Price of an hour of a longer lifetime with a GPU, as `type=atomic USDC`.',
  ),
  PRICE_INCLUDED_LIFETIME_S: integer(1, 86_400, 300, 'Lifetime in seconds that the flat price of create includes.'),
  PRICE_EXEC_ATOMIC: atomic('1000', 'Price of exec in atomic USDC.'),
  PRICE_STATUS_ATOMIC: atomic('1000', 'Price of status in atomic USDC.'),
  PRICE_TERMINATE_ATOMIC: atomic('1000', 'Price of terminate in atomic USDC.'),
  PRICE_TRANSACTION_FEE_ATOMIC: atomicOrZero(
    '0',
    'Fee in atomic USDC that is added to every price, except to a top-up of credits.',
  ),
  PRICE_GRACE_S: integer(
    0,
    604_800,
    3_600,
    'How long payments for the prices of an earlier price list are still taken, in seconds; buyers keep quotes for an hour.',
  ),
  CREDITS_MIN_TOPUP_ATOMIC: atomic('10000', 'Smallest top-up of credits in atomic USDC.'),
  CREDITS_MAX_TOPUP_ATOMIC: atomic('1000000000', 'Largest top-up of credits in atomic USDC.'),
  CREDITS_MAX_TOKENS_PER_WALLET: integer(1, 10_000, 100, 'Credit tokens of one wallet that are not revoked.'),
  MAX_IN_FLIGHT_PAYMENTS_PER_PAYER: integer(1, 10_000, 64, 'Claimed and unsettled payments of one wallet.'),
  SETTLEMENT_MODE: z
    .enum(['auto', 'confirm'])
    .default('auto')
    .describe('`auto` answers cheap calls of known wallets before settlement, under the caps below; `confirm` answers none.'),
  OPTIMISTIC_CAP_PER_PAYER_ATOMIC: atomic(
    '50000',
    'Unsettled sum of one wallet up to which its calls are answered before settlement.',
  ),
  OPTIMISTIC_CAP_TOTAL_ATOMIC: atomic('50000000', 'The same sum of all wallets together.'),
  MAX_REFUSED_PAYMENTS_PER_PAYER_PER_HOUR: integer(
    1,
    10_000,
    10,
    'Payments of one wallet that the chain refused after the work was done; at this number it waits.',
  ),
  CLAIM_LEASE_MS: integer(1_000, 120_000, 10_000, 'A claim whose process does not renew it within this time is recovered.'),
  ANSWER_RETENTION_MS: integer(60_000, 2_592_000_000, 86_400_000, 'How long an answer is kept after `validBefore`.'),

  DEBT_WRITE_OFF_MAX_ATOMIC: atomic('1000000', 'Largest debt, in atomic USDC, that one finance key gives up alone.'),
  EXPORTS_AT_ONCE: integer(1, 50, 2, 'Finance exports that run at once in a process; each has a database connection of its own.'),
  EXPORT_TIMEOUT_MS: integer(1_000, 86_400_000, 1_800_000, 'Deadline of a finance export.'),
  EXPORT_STALL_TIMEOUT_MS: integer(100, 3_600_000, 60_000, 'A finance export whose reader takes nothing for this long is ended.'),

  REFUND_PRIVATE_KEY: privateKey(
    'Key of the wallet that on-chain refunds are paid from; never that of PAY_TO or of a settlement. Only the worker needs it; without it they wait.',
  ).optional(),
  REFUND_LIMIT_PER_PAYMENT_ATOMIC: atomicOrZero(
    '1000000',
    'Refunds of one payment up to this sum in atomic USDC need no second key.',
  ),
  REFUND_LIMIT_PER_DAY_ATOMIC: atomicOrZero(
    '10000000',
    'Refunds of all payments within 24 hours up to this sum in atomic USDC need no second key.',
  ),
  REFUND_GAS_LIMIT: integer(50_000, 1_000_000, 120_000, 'Gas limit of the transfer of a refund.'),
  REFUND_MAX_IN_FLIGHT: integer(1, 256, 16, 'Refund transactions sent and not yet seen in a block.'),
  REFUND_LEASE_MS: integer(1_000, 300_000, 15_000, 'A worker that does not renew its lease of the refund wallet is replaced.'),
  REFUND_POLL_MS: integer(20, 60_000, 1_000, 'Time between two passes over the refunds.'),
  REFUND_RETRY_MS: integer(20, 3_600_000, 30_000, 'Pause before a refund that could not be sent is tried again.'),
  REFUND_REBROADCAST_AFTER_MS: integer(20, 600_000, 5_000, 'A sent refund without a block is sent again after this time.'),
  REFUND_UNKNOWN_AFTER_MS: integer(20, 600_000, 30_000, 'A sent refund without a block after this time is `unknown`.'),
  REFUND_DROP_AFTER_MS: integer(
    0,
    3_600_000,
    60_000,
    'A refund whose nonce another transaction has used for this long is queued again.',
  ),
  REFUND_FINAL_DEPTH: integer(0, 256, 12, 'Blocks on top of a reverted or displaced refund before it counts as that.'),

  BODY_LIMIT_BYTES: integer(1_024, 104_857_600, 262_144, 'Largest request body.'),
  REQUESTS_PER_MINUTE_PER_IP: integer(1, 10_000_000, 6_000, 'Requests of one address per minute.'),
  OWNER_REQUESTS_PER_MINUTE_PER_IP: integer(
    1,
    1_000_000,
    600,
    'Requests of one address per minute to the free routes of owners.',
  ),
  TRUSTED_PROXIES: z
    .string()
    .default('')
    .transform((text) =>
      text
        .split(',')
        .map((entry) => entry.trim())
        .filter((entry) => entry !== ''),
    )
    .refine((entries) => entries.every(isAddressOrRange), 'comma-separated IP addresses or CIDR ranges')
    .describe(
      'Addresses or CIDR ranges of reverse proxies whose X-Forwarded headers are believed, comma-separated; none by default.',
    ),
  REQUEST_TIMEOUT_MS: integer(1_000, 600_000, 30_000, 'Time a client has to send its request.'),
  SHUTDOWN_GRACE_MS: integer(100, 120_000, 10_000, 'Time that running requests get at shutdown.'),

  SANDBOX_PROVIDER: z.enum(['container', 'modal']).default('container').describe('Where sandboxes run.'),
  SANDBOX_IMAGES: z
    .string()
    .default('python:3.11')
    .transform((text) =>
      text
        .split(',')
        .map((image) => image.trim())
        .filter((image) => image !== ''),
    )
    .describe('Images that may be bought, comma-separated; the first is the default.'),
  SANDBOX_IMAGE_REFERENCES: z
    .string()
    .regex(/^(\s*[^=,\s]+=[^=,\s]+\s*(,|$))*$/, 'a comma-separated list of sold-name=engine-reference')
    .default('')
    .transform((text): ReadonlyMap<string, string> => {
      const pairs = text.split(',').map((pair) => pair.trim().split('='));
      return new Map(pairs.flatMap(([sold, reference]) => (sold && reference ? [[sold, reference] as const] : [])));
    })
    .describe(
      'What the container engine calls a sold image, as `sold=reference`, comma-separated; by default the sold name itself.',
    ),
  SANDBOX_MAX_CPU: z.coerce.number().min(0.125).max(64).default(1).describe('Most vCPUs of a sandbox.'),
  SANDBOX_MAX_MEMORY_MIB: integer(64, 262_144, 1_024, 'Most memory of a sandbox in MiB.'),
  SANDBOX_DEFAULT_MEMORY_MIB: integer(64, 262_144, 512, 'Memory of a sandbox when the buyer names none, in MiB.'),
  SANDBOX_MAX_LIFETIME_S: integer(10, 86_400, 300, 'Longest and default lifetime of a sandbox in seconds.'),
  SANDBOX_PIDS_LIMIT: integer(16, 32_768, 256, 'Processes and threads in a container sandbox.'),
  SANDBOX_CREATE_DEADLINE_MS: integer(1_000, 600_000, 60_000, 'Deadline of a create.'),
  SANDBOX_TERMINATE_DEADLINE_MS: integer(1_000, 600_000, 30_000, 'Deadline of a terminate.'),
  SANDBOX_INSPECT_DEADLINE_MS: integer(
    100,
    600_000,
    10_000,
    'Deadline of looking at a sandbox, or of listing them, at the provider.',
  ),
  SANDBOX_LIFETIME_MARGIN_MS: integer(
    0,
    600_000,
    15_000,
    'The provider ends a sandbox by itself this long after its sold lifetime.',
  ),
  SANDBOX_MAX_LIVE: integer(1, 1_000_000, 100, 'Live sandboxes of the installation.'),
  SANDBOX_MAX_LIVE_PER_OWNER: integer(1, 1_000_000, 20, 'Live sandboxes of one wallet.'),
  EXEC_MAX_TIMEOUT_S: integer(1, 86_400, 60, 'Longest and default timeout of an exec in seconds.'),
  EXEC_MAX_CONCURRENT_PER_SANDBOX: integer(1, 1_000, 16, 'Commands that run in one sandbox at once.'),
  EXEC_OVERHEAD_MS: integer(1_000, 120_000, 10_000, 'Time that an exec may take on top of its timeout, to start and to be read.'),
  EXEC_MAX_ARGV_COUNT: integer(1, 65_536, 1_024, 'Arguments of a command.'),
  EXEC_MAX_ARGV_BYTES: integer(1_024, 1_048_576, 65_536, 'Bytes of all arguments of a command together.'),
  EXEC_MAX_OUTPUT_BYTES: integer(
    1_024,
    67_108_864,
    1_048_576,
    'Bytes kept of stdout and of stderr, each; the rest is cut and flagged.',
  ),

  DOCKER_HOST: z.string().default('unix:///var/run/docker.sock').describe('Docker-compatible engine of the container provider.'),
  ALLOW_SHARED_KERNEL: flag('1 lets a sandbox share the kernel of the host on Base mainnet.'),
  MODAL_TOKEN_ID: z.string().optional().describe('Modal token id.'),
  MODAL_TOKEN_SECRET: z.string().optional().describe('Modal token secret.'),
  MODAL_APP_NAME: z.string().default('tollbox').describe('Modal app that owns the sandboxes.'),
  MODAL_CPU_PER_VCPU: z.coerce
    .number()
    .min(0.125)
    .max(4)
    .default(0.5)
    .describe('Modal cores bought for one sold vCPU (1 Modal core is 2 vCPU).'),

  LEDGER_FOLD_INTERVAL_MS: integer(
    50,
    600_000,
    1_000,
    'Time between two folds of the journal into the sums that balances are read from.',
  ),
  LEDGER_FOLD_BATCH: integer(1, 1_000_000, 50_000, 'Most journal entries that one transaction folds.'),
  PERIOD_CLOSE_WAIT_MS: integer(
    10,
    600_000,
    10_000,
    'How long the close of a period waits for transactions from before its end.',
  ),

  PROVIDER_COST_INTERVAL_MS: integer(50, 3_600_000, 5_000, 'Time between two bookings of what ended sandboxes cost.'),
  REAPER_INTERVAL_MS: integer(100, 600_000, 1_000, 'Time between two passes of the reaper.'),
  REAPER_SWEEP_INTERVAL_MS: integer(500, 3_600_000, 30_000, 'Time between two comparisons with the provider (orphans, ghosts).'),
  REAPER_ORPHAN_MARGIN_MS: integer(0, 3_600_000, 60_000, 'An orphan must be older than the create deadline plus this.'),
  REAPER_MAX_REMOVALS_PER_SWEEP: integer(
    1,
    100_000,
    50,
    'More orphans or ghosts than this in one sweep stop it and raise an alarm.',
  ),

  RECONCILIATION_INTERVAL_MS: integer(
    1_000,
    86_400_000,
    300_000,
    'Time between two reconciliations of books, chain and provider.',
  ),
  RECONCILIATION_CONFIRMATION: z
    .enum(['latest', 'safe', 'finalized'])
    .default('latest')
    .describe(
      'Which block reconciliation reads up to. What a lost block held is taken back; on a real chain `safe` or `finalized` have nothing to take back.',
    ),
  RECONCILIATION_GRACE_MS: integer(
    0,
    86_400_000,
    60_000,
    'A transfer, a settlement or a sighting younger than this may still explain itself.',
  ),
  RECONCILIATION_BLOCK_RANGE: integer(1, 1_000_000, 2_000, 'Blocks whose logs one call asks for; halved when the node refuses.'),
  RECONCILIATION_LEASE_MS: integer(
    5_000,
    600_000,
    60_000,
    'A reconciliation that does not renew its lease within this time is replaced.',
  ),
  RECONCILIATION_POLL_MS: integer(
    20,
    60_000,
    1_000,
    'How often the worker looks whether a reconciliation is due or was asked for.',
  ),

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
