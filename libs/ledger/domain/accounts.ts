/** Units: USDC in atomic units (10⁻⁶), ETH in wei, USD at 10⁻¹². */
export type Asset = 'USDC' | 'ETH' | 'USD';

/** Assets and expenses grow by debits; liabilities, equity and revenue by credits. */
export type AccountType = 'asset' | 'liability' | 'equity' | 'revenue' | 'expense';

export interface AccountDefinition {
  readonly type: AccountType;
  readonly asset: Asset;
  /** What the account holds, for the rule book and the finance API. */
  readonly meaning: string;
}

/** The chart of accounts. Revenue has one account an operation beside these: `revenue:<operation>`. */
export const ACCOUNTS = {
  treasury: { type: 'asset', asset: 'USDC', meaning: 'USDC on payTo' },
  authorized: { type: 'asset', asset: 'USDC', meaning: 'Signed for work that was done, and waiting to be sent' },
  in_flight: { type: 'asset', asset: 'USDC', meaning: 'Carried by a transaction whose end is not seen yet' },
  customer_debt: { type: 'asset', asset: 'USDC', meaning: 'Answers that were given and whose payment the chain refused' },
  refund_float: { type: 'asset', asset: 'USDC', meaning: 'USDC on the refund wallet' },
  credits: { type: 'liability', asset: 'USDC', meaning: 'Prepaid by buyers and not used' },
  refunds_due: { type: 'liability', asset: 'USDC', meaning: 'Owed to buyers: approved refunds, money on a void' },
  unmatched_receipts: { type: 'liability', asset: 'USDC', meaning: 'Arrived on payTo and explained by no payment' },
  facilitator_payable: { type: 'liability', asset: 'USDC', meaning: 'Owed to a remote facilitator' },
  refunds: { type: 'revenue', asset: 'USDC', meaning: 'Revenue given back; stands against revenue' },
  facilitator_fees: { type: 'expense', asset: 'USDC', meaning: 'Fees of a remote facilitator' },
  bad_debt: { type: 'expense', asset: 'USDC', meaning: 'Customer debt given up' },
  expired_losses: { type: 'expense', asset: 'USDC', meaning: 'Authorizations that we sent too late' },
  recovered: { type: 'revenue', asset: 'USDC', meaning: 'Money that came after it was booked as lost' },
  owner: { type: 'equity', asset: 'USDC', meaning: "The owner's own moves of USDC, and what payTo held before the books began" },
  gas_wallet: { type: 'asset', asset: 'ETH', meaning: 'ETH on the wallets that send transactions' },
  gas_expense: { type: 'expense', asset: 'ETH', meaning: 'Gas of settlements and refunds' },
  owner_eth: {
    type: 'equity',
    asset: 'ETH',
    meaning: "The owner's own moves of ETH, and what the wallets held before the books began",
  },
  provider_cost: { type: 'expense', asset: 'USD', meaning: 'What sandboxes cost by the rate table' },
  provider_payable: { type: 'liability', asset: 'USD', meaning: 'Owed to the sandbox provider' },
} as const satisfies Readonly<Record<string, AccountDefinition>>;

export type RevenueAccount = `revenue:${string}`;
export type AccountCode = keyof typeof ACCOUNTS | RevenueAccount;

export const revenueAccount = (operation: string): RevenueAccount => `revenue:${operation}`;

export function definitionOf(code: AccountCode): AccountDefinition {
  if (isRevenueAccount(code)) return { type: 'revenue', asset: 'USDC', meaning: `Price of ${code.slice('revenue:'.length)}` };
  return ACCOUNTS[code];
}

function isRevenueAccount(code: AccountCode): code is RevenueAccount {
  return code.startsWith('revenue:');
}
