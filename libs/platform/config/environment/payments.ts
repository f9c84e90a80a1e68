import { z } from 'zod';
import { address, atomic, atomicOrZero, namedAtomic, integer, privateKeys } from '../value-kinds';

/** The chain, settlement, prices and claims. */
export const paymentsVariables = {
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
  SETTLEMENT_BATCH_SIZE: integer(1, 200, 140, 'Payments that one settlement transaction carries at most.'),
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
  PAYER_CODE_GAS_BUDGET_WEI_PER_HOUR: atomic(
    '1000000000000000',
    'Wei that failed or too dear settlements of wallets with code may cost in an hour, all together; then such wallets are refused.',
  ),
  PAYER_CODE_GAS_CEILING: integer(
    60_000,
    10_000_000,
    200_000,
    'A settlement of a wallet with code that uses more gas than this counts against the budget although it succeeds.',
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
  PRICE_TUNNEL_ATOMIC: atomic('1000', 'Price of opening a tunnel in atomic USDC.'),
  PRICE_FILES_ATOMIC: atomic('1000', 'Price of an operation on files in atomic USDC.'),
  PRICE_SNAPSHOT_ATOMIC: atomic('10000', 'Price of a snapshot in atomic USDC.'),
  PRICE_CALL_ATOMIC: atomic('1000', 'Price of every other call on a sandbox in atomic USDC.'),
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
};
