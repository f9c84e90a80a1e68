import { Inject, Injectable } from '@nestjs/common';
import type { Pool, PoolClient } from 'pg';
import { CONFIG, type Config } from '@tollbox/platform/config/config';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import { atOneMoment } from '@tollbox/platform/database/transaction';
import type { OperationPayments, PaymentOfOperation } from '@tollbox/platform/operations/operation-payments';
import type { PageOfPayments, PaymentsReadModel, TotalsOfFilter } from '../application/ports/payments-read-model';
import type {
  PaymentCursor,
  PaymentDetail,
  PaymentEventRecord,
  PaymentFilter,
  PaymentRecord,
  PaymentTotals,
  SettlementRecord,
  WorkOfPayment,
} from '../domain/payment-records';
import { DETAIL_COLUMNS, EVENTS, OF_OPERATIONS, SETTLEMENT, WORK, pageQuery, totalsQuery } from './payments-sql';

type TotalsRow = PaymentTotals & { readonly state: string | null };
type DetailRow = Omit<PaymentDetail, 'events' | 'settlement' | 'work'> & { readonly settlement_transaction_id: string | null };

const NO_PAYMENTS: PaymentTotals = { count: 0, amount_atomic: '0', price_atomic: '0' };
const NO_WORK: WorkOfPayment = { sandbox_id: null, execution_id: null };

/** Payments joined with their settlement and with the work they bought, straight from SQL. */
@Injectable()
export class PostgresPaymentsReadModel implements PaymentsReadModel, OperationPayments {
  constructor(
    @Inject(PG_POOL) private readonly pool: Pool,
    @Inject(CONFIG) private readonly config: Pick<Config, 'FINANCE_TOTALS_MAX_PAYMENTS'>,
  ) {}

  async page(filter: PaymentFilter, after: PaymentCursor | undefined, limit: number): Promise<PageOfPayments> {
    return atOneMoment(this.pool, async (client) => {
      const page = await client.query<PaymentRecord>(pageQuery(filter, after, limit));
      return {
        payments: page.rows.slice(0, limit),
        hasMore: page.rows.length > limit,
        totals: await this.totals(client, filter),
      };
    });
  }

  /** Null when the filter matches more than may be added up while somebody waits. */
  private async totals(client: PoolClient, filter: PaymentFilter): Promise<TotalsOfFilter | null> {
    const most = this.config.FINANCE_TOTALS_MAX_PAYMENTS;
    const { rows } = await client.query<TotalsRow>(totalsQuery(filter, most + 1));
    const sums = rows.map(({ state, ...sum }) => [state, sum] as const);
    const all = sums.find(([state]) => state === null)?.[1] ?? NO_PAYMENTS;
    if (all.count > most) return null;
    return { ...all, byState: Object.fromEntries(sums.flatMap(([state, sum]) => (state === null ? [] : [[state, sum]]))) };
  }

  async detail(id: string): Promise<PaymentDetail | undefined> {
    return atOneMoment(this.pool, async (client) => {
      const { rows } = await client.query<DetailRow>(`SELECT ${DETAIL_COLUMNS} FROM payments p WHERE p.id = $1`, [id]);
      const row = rows[0];
      if (row === undefined) return undefined;
      const { settlement_transaction_id: settlementId, ...payment } = row;
      const events = await client.query<PaymentEventRecord>(EVENTS, [id]);
      const settlement = settlementId === null ? [] : (await client.query<SettlementRecord>(SETTLEMENT, [settlementId])).rows;
      const work = await client.query<WorkOfPayment>(WORK, [payment.operation_id]);
      return { ...payment, events: events.rows, settlement: settlement[0] ?? null, work: work.rows[0] ?? NO_WORK };
    });
  }

  async ofOperations(operationIds: readonly string[]): Promise<readonly PaymentOfOperation[]> {
    if (operationIds.length === 0) return [];
    return (await this.pool.query<PaymentOfOperation>(OF_OPERATIONS, [operationIds])).rows;
  }
}
