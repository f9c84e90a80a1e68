/** What one account moved to another for one event, all entries together. */
export interface AccountMove {
  readonly debit: string;
  readonly credit: string;
  readonly debitAsset: string;
  readonly creditAsset: string;
  readonly event: string;
  readonly amount: bigint;
}

export interface BookSums {
  readonly treasuryAtomic: bigint;
  /** Debits less credits of all accounts of an asset: zero, or something is wrong. */
  readonly sumByAsset: Readonly<Record<string, bigint>>;
  /** What the books say that settlement transactions cost. The gas of refunds is paid by another wallet. */
  readonly bookedGasWei: bigint;
  /** ETH that the owner put on the gas wallets; null when that was never booked. */
  readonly openedGasWei: bigint | null;
}

/** The sums that reconciliation compares, of one reading of the journal. */
export function sumsOf(moves: readonly AccountMove[]): BookSums {
  const sumByAsset: Record<string, bigint> = {};
  let treasuryAtomic = 0n;
  let bookedGasWei = 0n;
  let openedGasWei: bigint | null = null;
  for (const { debit, credit, debitAsset, creditAsset, event, amount } of moves) {
    sumByAsset[debitAsset] = (sumByAsset[debitAsset] ?? 0n) + amount;
    sumByAsset[creditAsset] = (sumByAsset[creditAsset] ?? 0n) - amount;
    if (debit === 'treasury') treasuryAtomic += amount;
    if (credit === 'treasury') treasuryAtomic -= amount;
    if (debit === 'owner_eth' || credit === 'owner_eth')
      openedGasWei = (openedGasWei ?? 0n) + (debit === 'gas_wallet' ? amount : -amount);
    if (debit !== 'gas_wallet' && credit !== 'gas_wallet') continue;
    if (event === 'gas') bookedGasWei += amount;
    if (event === 'gas_returned') bookedGasWei -= amount;
  }
  return { treasuryAtomic, sumByAsset, bookedGasWei, openedGasWei };
}
