import type { Pool, PoolClient } from 'pg';
import { providerCost } from '@tollbox/ledger/domain/postings/provider';
import type { Journal } from '@tollbox/ledger/infrastructure/journal';
import { inTransaction } from '@tollbox/platform/database/transaction';
import type { UnpricedUsage, UsageBook } from '../application/ports/usage-book';
import type { ProviderRate } from '../domain/provider-cost';

const OPEN = `SELECT operation_id AS "operationId", owner AS wallet, provider, cpu_millis AS "cpuMillis", memory_mib AS "memoryMib", gpu,
    started_at AS "startedAt", ended_at AS "endedAt"
  FROM provider_usage WHERE booked_at IS NULL ORDER BY postponed_at NULLS FIRST, operation_id LIMIT $1 FOR UPDATE SKIP LOCKED`;
const RATES = `SELECT provider, resource, version, effective_from AS "effectiveFrom", usd_e12_per_second AS "usdE12PerSecond"
  FROM provider_rates WHERE provider = ANY ($1::text[])`;
const PRICED = `UPDATE provider_usage u SET amount_usd_e12 = priced.amount, booked_at = CASE WHEN priced.amount IS NOT NULL THEN now() END,
    postponed_at = CASE WHEN priced.amount IS NULL THEN now() END
  FROM unnest($1::uuid[], $2::numeric[]) AS priced (operation_id, amount) WHERE u.operation_id = priced.operation_id`;

export class PostgresUsageBook implements UsageBook {
  constructor(
    private readonly pool: Pool,
    private readonly journal: Journal,
  ) {}

  bookSome(...[limit, price]: Parameters<UsageBook['bookSome']>): ReturnType<UsageBook['bookSome']> {
    return inTransaction(this.pool, async (client) => {
      const { rows: open } = await client.query<UnpricedUsage>(OPEN, [limit]);
      if (open.length === 0) return { seen: 0, unpriced: 0 };
      const rates = await this.rates(client, open);
      const priced = open.map((usage) => ({ usage, amount: price(usage, rates) }));
      const postings = priced.flatMap(({ usage, amount }) =>
        amount === null ? [] : providerCost({ ...usage, amountUsdE12: amount }),
      );
      await this.journal.append(client, postings);
      await client.query(PRICED, [
        priced.map(({ usage }) => usage.operationId),
        priced.map(({ amount }) => amount?.toString() ?? null),
      ]);
      return { seen: open.length, unpriced: priced.filter(({ amount }) => amount === null).length };
    });
  }

  private async rates(client: PoolClient, usages: readonly UnpricedUsage[]): Promise<ProviderRate[]> {
    const providers = [...new Set(usages.map(({ provider }) => provider))];
    const { rows } = await client.query<Omit<ProviderRate, 'usdE12PerSecond'> & { usdE12PerSecond: string }>(RATES, [providers]);
    return rows.map((row) => ({ ...row, usdE12PerSecond: BigInt(row.usdE12PerSecond) }));
  }
}
