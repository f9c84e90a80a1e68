import { z } from 'zod';
import { atomic, atomicOrZero, integer, privateKey } from '../value-kinds';

/** Exports, refunds, the ledger and its reconciliation. */
export const booksVariables = {
  DEBT_WRITE_OFF_MAX_ATOMIC: atomic('1000000', 'Largest debt, in atomic USDC, that one finance key gives up alone.'),
  FINANCE_TOTALS_MAX_PAYMENTS: integer(
    100,
    1_000_000,
    10_000,
    'A list of payments adds up what its filter matches up to this many; above, its totals are null.',
  ),
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
  REFUND_BUMP_AFTER_MS: integer(
    20,
    600_000,
    15_000,
    'A refund that is in no block after this time is replaced at a price 12.5 % higher or more, up to SETTLEMENT_MAX_FEE_PER_GAS_WEI.',
  ),
  REFUND_UNKNOWN_AFTER_MS: integer(20, 600_000, 30_000, 'A sent refund without a block after this time is `unknown`.'),
  REFUND_DROP_AFTER_MS: integer(
    0,
    3_600_000,
    60_000,
    'A refund whose nonce another transaction has used for this long is queued again.',
  ),
  REFUND_FINAL_DEPTH: integer(0, 256, 12, 'Blocks on top of a reverted or displaced refund before it counts as that.'),

  LEDGER_FOLD_INTERVAL_MS: integer(
    50,
    600_000,
    1_000,
    'Time between two folds of the journal into the sums that balances are read from.',
  ),
  LEDGER_FOLD_BATCH: integer(1, 1_000_000, 50_000, 'Most journal entries that one transaction folds.'),
  PERIOD_BOUNDARY: z
    .enum(['month', 'day', 'none'])
    .default('day')
    .describe('Where a period may end: at the first moment of a month or of a day in UTC, or anywhere.'),
  PERIOD_SETTLING_MS: integer(
    0,
    604_800_000,
    600_000,
    'A period can be closed this long after its end: what belongs to its last minutes has been seen by then.',
  ),
  PERIOD_CLOSE_WAIT_MS: integer(
    10,
    600_000,
    10_000,
    'How long the close of a period waits for transactions from before its end.',
  ),

  PROVIDER_COST_INTERVAL_MS: integer(50, 3_600_000, 5_000, 'Time between two bookings of what ended sandboxes cost.'),

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
  RECONCILIATION_DUST_ATOMIC: atomicOrZero(
    '10000',
    'Transfers to PAY_TO below this amount that no payment explains are one item a day, with their number and sum.',
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
};
