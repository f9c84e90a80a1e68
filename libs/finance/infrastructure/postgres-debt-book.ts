import type { Pool } from 'pg';
import { debtWrittenOff } from '@tollbox/ledger/domain/postings/payment';
import type { Journal } from '@tollbox/ledger/infrastructure/journal';
import { PAYMENT_MONEY_COLUMNS, toPaymentMoney, type PaymentMoneyRow } from '@tollbox/ledger/infrastructure/payment-money';
import type { AuditLog } from '@tollbox/platform/audit/audit-log';
import { inTransaction } from '@tollbox/platform/database/transaction';
import type { DebtBook, WriteOffOrder, WriteOffOutcome } from '../application/ports/debt-book';

interface DebtRow extends PaymentMoneyRow {
  attempt: number;
  cleared: boolean;
}

/** Locks the payment, so that money that arrives at the same time is booked before or after, never beside. */
const LOCKED = `SELECT ${PAYMENT_MONEY_COLUMNS}, attempt, debt_cleared_at IS NOT NULL AS cleared
  FROM payments WHERE id = $1 AND state = 'failed' AND settlement_mode = 'optimistic' FOR UPDATE`;

export class PostgresDebtBook implements DebtBook {
  constructor(
    private readonly pool: Pool,
    private readonly journal: Journal,
    private readonly audit: AuditLog,
  ) {}

  writeOff({ paymentId, by, reason, maxAtomic, audit }: WriteOffOrder): Promise<WriteOffOutcome> {
    return inTransaction(this.pool, async (client): Promise<WriteOffOutcome> => {
      const [row] = (await client.query<DebtRow>(LOCKED, [paymentId])).rows;
      if (row === undefined) return { kind: 'not_found' };
      if (row.cleared) return { kind: 'cleared' };
      const postings = debtWrittenOff(toPaymentMoney(row));
      const amountAtomic = postings.reduce((sum, { amount }) => sum + amount, 0n);
      if (maxAtomic !== null && amountAtomic > maxAtomic) return { kind: 'above_limit', amountAtomic };
      await client.query('UPDATE payments SET debt_cleared_at = now() WHERE id = $1', [paymentId]);
      await client.query(
        `INSERT INTO payment_events (payment_id, attempt, kind, from_state, to_state, actor, detail)
         VALUES ($1, $2, 'debt_written_off', 'failed', 'failed', $3, $4)`,
        [paymentId, row.attempt, by, { reason, amount_atomic: amountAtomic.toString() }],
      );
      await this.journal.append(client, postings);
      await this.audit.record({ ...audit, detail: { ...audit.detail, amount_atomic: amountAtomic.toString() } }, client);
      return { kind: 'written_off', amountAtomic };
    });
  }
}
