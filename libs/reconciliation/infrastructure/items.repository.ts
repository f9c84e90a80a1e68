import type { Pool } from 'pg';
import type { ItemStore, StartedRun } from '../application/ports/reconciliation-store';
import type { Finding, ItemClass } from '../domain/item';
import { closeUnseen, reportFindings } from './item-rows';
import { underLease } from './run-transaction';

/** Differences in PostgreSQL. */
export class ItemsRepository implements ItemStore {
  constructor(private readonly pool: Pool) {}

  async report(run: StartedRun, findings: readonly Finding[]): Promise<void> {
    if (findings.length === 0) return;
    await underLease(this.pool, run.lease, (client) => reportFindings(client, run, findings));
  }

  closeUnseen(run: StartedRun, classes: readonly ItemClass[]): Promise<number> {
    return underLease(this.pool, run.lease, (client) => closeUnseen(client, run, classes));
  }

  async countOpen(): Promise<Readonly<Record<string, number>>> {
    const { rows } = await this.pool.query<{ class: string; count: number }>(
      `SELECT class, count(*)::int AS count FROM reconciliation_items WHERE state = 'open' GROUP BY class`,
    );
    return Object.fromEntries(rows.map((row) => [row.class, row.count]));
  }
}
