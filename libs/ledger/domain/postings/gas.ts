import type { Posting } from '../posting';

/** Gas of a transaction that carries no payment: it only used up a nonce. */
export function fillerGas(transactionId: string, leg: number, amountWei: bigint): Posting[] {
  if (amountWei === 0n) return [];
  return [{ subject: transactionId, event: 'gas', leg, debit: 'gas_expense', credit: 'gas_wallet', amount: amountWei }];
}

/** The block of a transaction is lost, and so is what its gas cost. */
export function gasReturned(booked: readonly Posting[]): Posting[] {
  return booked.map((posting) => ({ ...posting, event: 'gas_returned', debit: posting.credit, credit: posting.debit }));
}
