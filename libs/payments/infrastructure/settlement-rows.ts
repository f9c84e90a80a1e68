import type { PoolClient } from 'pg';
import type { PaymentMoney } from '@tollbox/ledger/domain/postings/payment';
import type { StoredBatch, StoredBytes } from '../application/ports/settlement-store';
import type { Hex } from '../domain/networks';
import type { Payment } from '../domain/payment';
import { notifyPaymentsChanged, notifyQueued } from './payment-rows';

export interface BytesRow {
  id: string;
  batch_id: string;
  signer: Hex;
  evm_nonce: string;
  raw_transaction: Hex;
  transaction_hash: Hex;
  max_fee_per_gas_wei: string;
  max_priority_fee_per_gas_wei: string;
  payment_count: number;
  age_ms: string;
}

export const BYTES_COLUMNS = `id, batch_id, signer, evm_nonce, raw_transaction, transaction_hash, max_fee_per_gas_wei,
  max_priority_fee_per_gas_wei, cardinality(payment_ids) AS payment_count,
  floor(extract(epoch FROM now() - stored_at) * 1000)::bigint AS age_ms`;

/** Payments of the batch $1 that are not through. The batch names them: an index by batch would be written while they move. */
export const OPEN_OF_BATCH = `id = ANY ((SELECT payment_ids FROM settlement_transactions WHERE id = $1)::uuid[])
  AND settlement_transaction_id = $1 AND state IN ('broadcast', 'unknown')`;

export const toBytes = (row: BytesRow): StoredBytes => ({
  id: row.id,
  raw: row.raw_transaction,
  hash: row.transaction_hash,
  maxFeePerGasWei: BigInt(row.max_fee_per_gas_wei),
  maxPriorityFeePerGasWei: BigInt(row.max_priority_fee_per_gas_wei),
  ageMs: Number(row.age_ms),
});

/** Rows in the order of nonce and replacement, as batches. */
export function toBatches(rows: readonly BytesRow[]): StoredBatch[] {
  const byBatch = new Map<string, BytesRow[]>();
  for (const row of rows) byBatch.set(row.batch_id, [...(byBatch.get(row.batch_id) ?? []), row]);
  return [...byBatch.values()].flatMap((bytes) => {
    const [first] = bytes;
    if (first === undefined) return [];
    return {
      id: first.batch_id,
      signer: first.signer,
      evmNonce: BigInt(first.evm_nonce),
      paymentCount: Math.max(...bytes.map((row) => row.payment_count)),
      bytes: bytes.map(toBytes),
    };
  });
}

export const moneyOf = (payment: Payment): PaymentMoney => ({
  id: payment.id,
  operation: payment.operation,
  operationId: payment.operationId,
  wallet: payment.key.payer,
  amountAtomic: payment.authorization.valueAtomic,
  priceAtomic: payment.priceAtomic,
  round: payment.round,
  settlementMode: payment.settlementMode,
});

/** Wakes who waits for these payments, and the settlers when one of them is queued again. */
export async function notifySettlement(client: PoolClient, paymentIds: readonly string[], isQueued: boolean): Promise<void> {
  await notifyPaymentsChanged(client, paymentIds);
  if (isQueued) await notifyQueued(client);
}
