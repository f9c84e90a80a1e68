import type { Pool } from 'pg';
import type { OwnPayment, OwnPayments } from '../application/ports/own-payments';
import { PAYMENT_COLUMNS, toPayment, type PaymentRow } from './payment-rows';

type OwnPaymentRow = PaymentRow & { settlement_mode: string; claimed_at: Date; settled_at: Date | null };

export class PostgresOwnPayments implements OwnPayments {
  constructor(private readonly pool: Pool) {}

  async find(id: string, payer: string): Promise<OwnPayment | null> {
    const { rows } = await this.pool.query<OwnPaymentRow>(
      `SELECT ${PAYMENT_COLUMNS}, settlement_mode, claimed_at, settled_at FROM payments WHERE id = $1 AND payer = $2`,
      [id, payer],
    );
    const row = rows[0];
    if (row === undefined) return null;
    return {
      payment: toPayment(row),
      settlementMode: row.settlement_mode,
      claimedAt: row.claimed_at,
      settledAt: row.settled_at,
      blockNumber: row.block_number === null ? null : BigInt(row.block_number),
      blockHash: row.block_hash,
    };
  }
}
