import type { PaymentMoney } from '../domain/postings/payment';

/** The columns of `payments` that the books need; NUMERIC is text. */
export interface PaymentMoneyRow {
  id: string;
  operation: string;
  operation_id: string;
  payer: string;
  amount_atomic: string;
  price_atomic: string;
  round: number;
  settlement_mode: 'confirm' | 'optimistic';
  rail: 'x402' | 'credit';
}

export const PAYMENT_MONEY_COLUMNS =
  'id, operation, operation_id, payer, amount_atomic, price_atomic, round, settlement_mode, rail';

export const toPaymentMoney = (row: PaymentMoneyRow): PaymentMoney => ({
  id: row.id,
  operation: row.operation,
  operationId: row.operation_id,
  wallet: row.payer,
  amountAtomic: BigInt(row.amount_atomic),
  priceAtomic: BigInt(row.price_atomic),
  round: row.round,
  settlementMode: row.settlement_mode,
  rail: row.rail,
});
