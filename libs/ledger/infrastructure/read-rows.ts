import type { AccountBalance, AssetTotals } from '../application/ports/ledger-queries';
import { definitionOf, type AccountCode, type AccountType, type Asset } from '../domain/accounts';

/** What PostgreSQL answers: NUMERIC is text. */
export interface BalanceRow {
  code: string;
  type: AccountType;
  asset: Asset;
  network: string;
  debits: string;
  credits: string;
}

export function toBalance(row: BalanceRow): AccountBalance {
  const debits = BigInt(row.debits);
  const credits = BigInt(row.credits);
  const growsByDebits = row.type === 'asset' || row.type === 'expense';
  const { code, type, asset, network } = row;
  const { meaning } = definitionOf(code as AccountCode);
  return { code, type, asset, network, meaning, debits, credits, balance: growsByDebits ? debits - credits : credits - debits };
}

/** Sums of all accounts by asset and network. */
export function totalsByAsset(accounts: readonly AccountBalance[]): AssetTotals[] {
  const sums = new Map<string, AssetTotals>();
  for (const { asset, network, debits, credits } of accounts) {
    const key = `${asset} ${network}`;
    const before = sums.get(key);
    sums.set(key, { asset, network, debits: (before?.debits ?? 0n) + debits, credits: (before?.credits ?? 0n) + credits });
  }
  return [...sums.values()];
}
