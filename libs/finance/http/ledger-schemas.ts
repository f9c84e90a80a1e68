import { z } from 'zod';
import type { AccountBalance, TrialBalance } from '@tollbox/ledger/application/ports/ledger-queries';
import { instantParameter } from '@tollbox/platform/http/query-parameters';
import { atomic, signedAtomic, time } from './query-parts';

/** Query of GET /finance/accounts and /finance/trial-balance. */
export const balanceQuery = z.strictObject({
  at: instantParameter('Entries before this time (ISO 8601); all of them by default.'),
  basis: z
    .enum(['recorded', 'event'])
    .default('recorded')
    .describe('By which time an entry counts: when it was written, or when it happened.'),
});

const account = z.object({
  code: z.string(),
  type: z.enum(['asset', 'liability', 'equity', 'revenue', 'expense']),
  asset: z.enum(['USDC', 'ETH', 'USD']),
  network: z.string().describe('CAIP-2 name; empty for USD.'),
  meaning: z.string(),
  debits: atomic.describe('Smallest unit of the asset, as a decimal text.'),
  credits: atomic.describe('Smallest unit of the asset, as a decimal text.'),
  balance: signedAtomic.describe('On the side on which the account grows.'),
});

const totals = z.object({
  asset: z.enum(['USDC', 'ETH', 'USD']),
  network: z.string(),
  debits: atomic,
  credits: atomic,
  balanced: z.boolean().describe('Whether debits are credits.'),
});

/** Answer of GET /finance/accounts. */
export const accountsAnswer = z.object({ at: time.nullable(), basis: z.enum(['recorded', 'event']), accounts: z.array(account) });

/** Answer of GET /finance/trial-balance. */
export const trialBalanceAnswer = accountsAnswer.extend({ totals: z.array(totals) });

export type AccountsAnswer = z.output<typeof accountsAnswer>;
export type TrialBalanceAnswer = z.output<typeof trialBalanceAnswer>;
type BalanceQuery = z.output<typeof balanceQuery>;

export const toAccountsAnswer = ({ at, basis }: BalanceQuery, { accounts }: TrialBalance): AccountsAnswer => ({
  at: at?.toISOString() ?? null,
  basis,
  accounts: accounts.map(toAccount),
});

export const toTrialBalanceAnswer = (query: BalanceQuery, balance: TrialBalance): TrialBalanceAnswer => ({
  ...toAccountsAnswer(query, balance),
  totals: balance.totals.map(({ asset, network, debits, credits }) => ({
    ...{ asset, network, debits: debits.toString(), credits: credits.toString() },
    balanced: debits === credits,
  })),
});

const toAccount = ({ debits, credits, balance, ...account }: AccountBalance) => ({
  ...account,
  ...{ debits: debits.toString(), credits: credits.toString(), balance: balance.toString() },
});
