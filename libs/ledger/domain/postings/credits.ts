import { legs, type Posting } from '../posting';

/** Prepaid money pays what a lost top-up left as debt. `id` names this one repayment. */
export function debtRepaid(id: string, wallet: string, amountAtomic: bigint): Posting[] {
  return legs({ subject: id, wallet, event: 'debt_repaid' }, [
    { debit: 'credits', credit: 'customer_debt', amount: amountAtomic },
  ]);
}
