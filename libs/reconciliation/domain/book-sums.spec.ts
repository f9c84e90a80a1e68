import { sumsOf, type AccountMove } from './book-sums';

const move = (debit: string, credit: string, amount: bigint, more: Partial<AccountMove> = {}): AccountMove => ({
  ...{ debit, credit, amount, debitAsset: 'USDC', creditAsset: 'USDC', event: 'settled' },
  ...more,
});
const ETH = { debitAsset: 'ETH', creditAsset: 'ETH' };

describe('the sums of the books', () => {
  it('are the treasury, the gas and what the owner put on the gas wallets', () => {
    const moves = [
      move('treasury', 'in_flight', 10n),
      move('owner', 'treasury', 3n, { event: 'owner_move' }),
      move('gas_expense', 'gas_wallet', 7n, { ...ETH, event: 'gas' }),
      move('gas_wallet', 'gas_expense', 2n, { ...ETH, event: 'gas_returned' }),
      move('gas_wallet', 'owner_eth', 100n, { ...ETH, event: 'gas_opening' }),
      move('owner_eth', 'gas_wallet', 40n, { ...ETH, event: 'decided' }),
      move('gas_expense', 'refund_gas_wallet', 5n, { ...ETH, event: 'gas' }),
    ];
    expect(sumsOf(moves)).toEqual({
      treasuryAtomic: 7n,
      sumByAsset: { USDC: 0n, ETH: 0n },
      bookedGasWei: 5n,
      openedGasWei: 60n,
    });
  });

  it('know books without an opening, and an entry that leaves its asset', () => {
    expect(sumsOf([])).toEqual({ treasuryAtomic: 0n, sumByAsset: {}, bookedGasWei: 0n, openedGasWei: null });
    expect(sumsOf([move('treasury', 'gas_wallet', 5n, { creditAsset: 'ETH' })]).sumByAsset).toEqual({ USDC: 5n, ETH: -5n });
  });
});
