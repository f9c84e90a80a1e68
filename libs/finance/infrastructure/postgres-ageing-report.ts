import { Inject, Injectable } from '@nestjs/common';
import type { Pool } from 'pg';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import { atOneMoment } from '@tollbox/platform/database/transaction';
import { AGE_BUCKETS_SECONDS, type AgeingBucket, type AgeingReport } from '../application/ports/ageing-report';
import { openDebts, readDebtAccountId } from './debts-sql';
import { iso } from './sql';

/** Payments that are through are not read: the index payments_live has the others. */
const BUCKETS = `
  SELECT kind, width_bucket(extract(epoch FROM $1::timestamptz - since)::float8, $2::float8[]) - 1 AS bucket,
    count(*)::text AS count, sum(amount)::text AS amount_atomic, ${iso('min(since)')} AS oldest_at
  FROM (
    SELECT CASE state WHEN 'unknown' THEN 'unknown' ELSE 'unsettled' END AS kind, amount_atomic AS amount,
      least(coalesce(executed_at, claimed_at), $1) AS since
    FROM payments WHERE outcome IS NULL AND state IN ('queued', 'broadcast', 'unknown')
    UNION ALL
    SELECT 'debt', amount, least(since, $1) FROM (${openDebts('$3')}) debts
  ) ages GROUP BY 1, 2 ORDER BY 1, 2`;

/** Ages of what has not arrived. */
@Injectable()
export class PostgresAgeingReport implements AgeingReport {
  constructor(@Inject(PG_POOL) private readonly pool: Pool) {}

  buckets(now: Date): Promise<readonly AgeingBucket[]> {
    return atOneMoment(this.pool, async (client) => {
      const values = [now, AGE_BUCKETS_SECONDS, await readDebtAccountId(client)];
      return (await client.query<AgeingBucket>(BUCKETS, values)).rows;
    });
  }
}
