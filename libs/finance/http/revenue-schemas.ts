import { z } from 'zod';
import { cursorOf } from '@tollbox/platform/http/cursor';
import { limitParameter, walletParameter } from '@tollbox/platform/http/query-parameters';
import { REVENUE_KEYS, type RevenueKey } from '../application/ports/revenue-report';
import { atomic, dayParameters, operationParameter, signedAtomic } from './query-parts';

/** The keys of a row, which are unique in the report. */
export const revenueCursor = cursorOf(z.array(z.string().max(120)).min(1).max(REVENUE_KEYS.length));

const isKey = (text: string): text is RevenueKey => (REVENUE_KEYS as readonly string[]).includes(text);

const GROUPS = `any of ${REVENUE_KEYS.join(', ')}, comma-separated, each once`;

const MAX_ROWS = 1_000;
/** Each row by wallet is a sum over all days and operations of the wallet. */
const MAX_ROWS_BY_WALLET = 200;

const parameters = z.strictObject({
  ...dayParameters,
  group_by: z
    .string()
    .max(60, GROUPS)
    .transform((text, context) => {
      const asked = text.split(',');
      if (asked.every(isKey) && new Set(asked).size === asked.length) return REVENUE_KEYS.filter((key) => asked.includes(key));
      context.addIssue({ code: 'custom', message: GROUPS });
      return z.NEVER;
    })
    .default(['day'])
    .describe(`Any of ${REVENUE_KEYS.join(', ')}, comma-separated; \`day\` by default. Rows are in that order.`),
  operation: operationParameter,
  wallet: walletParameter('Wallet that paid.'),
  limit: limitParameter('Rows', MAX_ROWS, 100).describe(`Rows of a page; at most ${MAX_ROWS}, by wallet ${MAX_ROWS_BY_WALLET}.`),
  cursor: revenueCursor.parameter,
});

/** Query of GET /finance/revenue. */
export const revenueQuery = parameters.refine(
  ({ group_by, limit }) => !group_by.includes('wallet') || limit <= MAX_ROWS_BY_WALLET,
  {
    message: `at most ${MAX_ROWS_BY_WALLET} by wallet`,
    path: ['limit'],
  },
);

const sums = z.object({
  calls: z.string().describe('Operations that earned.'),
  earned_atomic: atomic,
  reversed_atomic: atomic.describe('Taken back: the chain refused before an answer was released.'),
  revenue_atomic: signedAtomic,
});

/** Answer of GET /finance/revenue. */
export const revenueAnswer = z.object({
  from: z.iso.date(),
  to: z.iso.date().describe('The day after the last one.'),
  asset: z.literal('USDC'),
  rows: z.array(
    sums.extend({
      day: z.iso.date().optional(),
      operation: z.string().optional(),
      network: z.string().optional(),
      wallet: z.string().optional(),
    }),
  ),
  next_cursor: z.string().nullable(),
  totals: sums.describe('Over everything, not only this page.'),
});

export type RevenueAnswer = z.output<typeof revenueAnswer>;
