import type { AccountBalance, AssetTotals, EntryTotals, LedgerEntry } from '../application/ports/ledger-queries';
import { definitionOf, type AccountCode, type AccountType, type Asset } from '../domain/accounts';

/** What PostgreSQL answers: NUMERIC and BIGINT are texts. */
export interface BalanceRow {
  code: string;
  type: AccountType;
  asset: Asset;
  network: string;
  debits: string;
  credits: string;
}

export interface EntryRow {
  id: string;
  debit: string;
  credit: string;
  amount: string;
  asset: Asset;
  network: string;
  subject: string;
  event: string;
  round: number;
  leg: number;
  operation_id: string | null;
  wallet: string | null;
  event_at: Date;
  recorded_at: Date;
}

export interface TotalsRow {
  asset: Asset;
  network: string;
  entries: string;
  amount: string;
}

export function toBalance(row: BalanceRow): AccountBalance {
  const debits = BigInt(row.debits);
  const credits = BigInt(row.credits);
  const growsByDebits = row.type === 'asset' || row.type === 'expense';
  const { code, type, asset, network } = row;
  const { meaning } = definitionOf(code as AccountCode);
  return { code, type, asset, network, meaning, debits, credits, balance: growsByDebits ? debits - credits : credits - debits };
}

export function toEntry({ operation_id, event_at, recorded_at, ...row }: EntryRow): LedgerEntry {
  return {
    ...row,
    id: BigInt(row.id),
    amount: BigInt(row.amount),
    operationId: operation_id,
    eventAt: event_at,
    recordedAt: recorded_at,
  };
}

export function toTotals({ asset, network, entries, amount }: TotalsRow): EntryTotals {
  return { asset, network, entries: Number(entries), amount: BigInt(amount) };
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
