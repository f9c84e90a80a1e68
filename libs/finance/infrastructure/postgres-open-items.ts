import { Inject, Injectable } from '@nestjs/common';
import type { Pool } from 'pg';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import { atOneMoment } from '@tollbox/platform/database/transaction';
import type { CreditRecord, DebtPlace, DebtRecord, OpenItems, OpenTotals, PageOf } from '../application/ports/open-items';
import { openDebts, readDebtAccountId } from './debts-sql';
import { iso } from './sql';

const NOTHING: OpenTotals = { count: '0', amount_atomic: '0' };

const DEBTS = `SELECT payment_id, p.payer AS wallet, p.operation, amount::text AS open_atomic, ${iso('since')} AS since, p.fail_reason
  FROM (${openDebts('$5')}) debts JOIN payments p ON p.id = payment_id
  WHERE ($1::text IS NULL OR p.payer = $1) AND ($2::timestamptz IS NULL OR (since, payment_id) > ($2, $3::uuid))
  ORDER BY debts.since, payment_id LIMIT $4`;

const DEBT_TOTALS = `SELECT count(*)::text AS count, coalesce(sum(amount), 0)::text AS amount_atomic
  FROM (${openDebts('$2')}) debts JOIN payments p ON p.id = payment_id WHERE $1::text IS NULL OR p.payer = $1`;

const CREDITS = `SELECT wallet, balance_atomic::text, held_atomic::text, debt_atomic::text FROM credit_accounts
  WHERE balance_atomic > 0 AND ($1::text IS NULL OR wallet > $1) ORDER BY wallet LIMIT $2`;

const CREDIT_TOTALS = `SELECT count(*)::text AS count, coalesce(sum(balance_atomic), 0)::text AS amount_atomic
  FROM credit_accounts WHERE balance_atomic > 0`;

/** Debts from the journal, credits from the balance rows that follow it. */
@Injectable()
export class PostgresOpenItems implements OpenItems {
  constructor(@Inject(PG_POOL) private readonly pool: Pool) {}

  debts(wallet: string | undefined, after: DebtPlace | undefined, limit: number): Promise<PageOf<DebtRecord>> {
    return atOneMoment(this.pool, async (client) => {
      const account = await readDebtAccountId(client);
      const values = [wallet ?? null, after?.since ?? null, after?.paymentId ?? null, limit + 1, account];
      const { rows } = await client.query<DebtRecord>(DEBTS, values);
      const totals = await client.query<OpenTotals>(DEBT_TOTALS, [wallet ?? null, account]);
      return { items: rows.slice(0, limit), hasMore: rows.length > limit, totals: totals.rows[0] ?? NOTHING };
    });
  }

  credits(after: string | undefined, limit: number): Promise<PageOf<CreditRecord>> {
    return atOneMoment(this.pool, async (client) => {
      const { rows } = await client.query<CreditRecord>(CREDITS, [after ?? null, limit + 1]);
      const totals = await client.query<OpenTotals>(CREDIT_TOTALS);
      return { items: rows.slice(0, limit), hasMore: rows.length > limit, totals: totals.rows[0] ?? NOTHING };
    });
  }
}
