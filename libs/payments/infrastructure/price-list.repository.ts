import type { Pool } from 'pg';
import { inTransaction } from '@tollbox/platform/database/transaction';
import type { PriceListRecord, PriceListStore } from '../application/ports/price-list-store';
import { priceListSchema, priceListSha256, type PriceListContent, type VersionedPriceList } from '../domain/pricing';

interface ListRow {
  version: number;
  content: unknown;
}
interface RecordRow extends ListRow {
  sha256: string;
  created_at: Date;
  created_by: string;
  effective_from: Date;
  activated_at: Date[];
  is_current: boolean;
}

/** More lists than this within one grace period are not honoured: each is a price for every request. */
const MAX_HONOURED_LISTS = 16;

const toList = (row: ListRow): VersionedPriceList => ({ version: row.version, content: priceListSchema.parse(row.content) });

export class PriceListRepository implements PriceListStore {
  constructor(private readonly pool: Pool) {}

  register(content: PriceListContent, by: string): Promise<number> {
    const sha256 = priceListSha256(content);
    return inTransaction(this.pool, async (client) => {
      // Starting processes take turns: versions have no gap and every change of the current list is recorded once.
      await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('price_lists', 0))`);
      await client.query(
        `INSERT INTO price_lists (version, content, sha256, created_by)
         SELECT coalesce(max(version), 0) + 1, $1::jsonb, $2, $3 FROM price_lists
         HAVING NOT EXISTS (SELECT 1 FROM price_lists WHERE sha256 = $2)`,
        [JSON.stringify(content), sha256, by],
      );
      const { rows } = await client.query<{ version: number }>('SELECT version FROM price_lists WHERE sha256 = $1', [sha256]);
      const version = rows[0]?.version;
      if (version === undefined) throw new Error('a registered price list is not there');
      await client.query(
        `INSERT INTO price_list_activations (version, by) SELECT $1, $2
         WHERE $1 IS DISTINCT FROM (SELECT version FROM price_list_activations ORDER BY id DESC LIMIT 1)`,
        [version, by],
      );
      return version;
    });
  }

  async recentlyCurrent(graceS: number): Promise<readonly VersionedPriceList[]> {
    const { rows } = await this.pool.query<ListRow>(
      `WITH periods AS (SELECT id, version, lead(at) OVER (ORDER BY id) AS ended_at FROM price_list_activations),
         honoured AS (SELECT version, max(id) AS last FROM periods
           WHERE ended_at IS NULL OR ended_at > now() - make_interval(secs => $1::double precision) GROUP BY version)
       SELECT version, content FROM price_lists JOIN honoured USING (version) ORDER BY last DESC LIMIT $2`,
      [graceS, MAX_HONOURED_LISTS],
    );
    return rows.map(toList);
  }

  async list(limit: number, beforeVersion: number | null): Promise<readonly PriceListRecord[]> {
    const { rows } = await this.pool.query<RecordRow>(
      `SELECT version, content, sha256, created_at, created_by, effective_from,
         ARRAY(SELECT at FROM price_list_activations a WHERE a.version = l.version ORDER BY a.id) AS activated_at,
         version = (SELECT a.version FROM price_list_activations a ORDER BY a.id DESC LIMIT 1) AS is_current
       FROM price_lists l WHERE $2::int IS NULL OR version < $2 ORDER BY version DESC LIMIT $1`,
      [limit, beforeVersion],
    );
    return rows.map((row) => ({
      ...toList(row),
      sha256: row.sha256,
      createdAt: row.created_at.toISOString(),
      createdBy: row.created_by,
      effectiveFrom: row.effective_from.toISOString(),
      activatedAt: row.activated_at.map((at) => at.toISOString()),
      isCurrent: row.is_current,
    }));
  }
}
