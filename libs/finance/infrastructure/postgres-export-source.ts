import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Pool, type PoolClient } from 'pg';
import { CONFIG, type Config } from '@tollbox/platform/config/config';
import { poolOptions } from '@tollbox/platform/database/pool-options';
import type { ExportRange, ExportSnapshot, ExportSource } from '../application/ports/export-source';
import { EXPORT_DATASETS, type ExportName, type ExportRow } from '../domain/export/dataset';
import { iso } from './sql';

interface Reading {
  /** Expressions of columns that are not simply a column of the table. */
  readonly expressions: Readonly<Record<string, string>>;
  readonly from: string;
  /** The time that orders the dataset, and what makes the order unique. */
  readonly order: readonly [time: string, id: string];
}

const READINGS: Readonly<Record<ExportName, Reading>> = {
  journal: {
    expressions: { debit_account: 'd.code', credit_account: 'c.code', asset: 'd.asset', network: 'd.network' },
    from: 'journal t JOIN ledger_accounts d ON d.id = t.debit_account JOIN ledger_accounts c ON c.id = t.credit_account',
    order: ['t.recorded_at', 't.id'],
  },
  payments: { expressions: {}, from: 'payments t', order: ['t.claimed_at', 't.id'] },
  settlements: {
    expressions: { fee_wei: 't.gas_used * t.effective_gas_price_wei' },
    from: 'settlement_transactions t',
    order: ['t.stored_at', 't.id'],
  },
};

/**
 * Reads through a server-side cursor in one REPEATABLE READ transaction. The connections are its own: an export that a slow
 * reader holds open for minutes takes none from paid calls.
 */
@Injectable()
export class PostgresExportSource implements ExportSource, OnApplicationShutdown {
  private readonly pool: Pool;

  constructor(@Inject(CONFIG) private readonly config: Config) {
    this.pool = new Pool({ ...poolOptions(config, 'tollbox-exports'), max: config.EXPORTS_AT_ONCE });
    this.pool.on('error', () => undefined); // an idle connection that broke is replaced by the next export
  }

  async open(name: ExportName, range: ExportRange): Promise<ExportSnapshot> {
    const client = await this.pool.connect();
    const snapshot = new CursorSnapshot(client);
    try {
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY');
      await client.query("SELECT set_config('idle_in_transaction_session_timeout', $1, true)", [
        String(this.config.EXPORT_STALL_TIMEOUT_MS),
      ]);
      await client.query(`DECLARE export NO SCROLL CURSOR FOR ${selectionOf(name, range)}`);
      return snapshot;
    } catch (error) {
      await snapshot.close();
      throw error;
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await this.pool.end();
  }
}

class CursorSnapshot implements ExportSnapshot {
  private closing: Promise<void> | undefined;
  private readonly onError = (): void => undefined; // the statement that runs, or the next one, rejects with it

  constructor(private readonly client: PoolClient) {
    client.on('error', this.onError);
  }

  async next(rows: number): Promise<readonly ExportRow[]> {
    return (await this.client.query<string[]>({ text: `FETCH FORWARD ${rows} FROM export`, rowMode: 'array' })).rows;
  }

  close(): Promise<void> {
    this.closing ??= this.giveBack();
    return this.closing;
  }

  private async giveBack(): Promise<void> {
    const isBroken = await this.client.query('ROLLBACK').then(
      () => false,
      () => true,
    );
    this.client.off('error', this.onError);
    this.client.release(isBroken);
  }
}

/** A cursor takes no parameters: the two times are written as ISO texts that Date made. */
function selectionOf(name: ExportName, { from, to }: ExportRange): string {
  const { expressions, from: tables, order } = READINGS[name];
  const columns = EXPORT_DATASETS[name].columns.map((column) => {
    const expression = expressions[column.name] ?? `t.${column.name}`;
    return column.kind === 'time' ? iso(expression) : `(${expression})::text`;
  });
  const [time] = order;
  return `SELECT ${columns.join(', ')} FROM ${tables}
    WHERE ${time} >= '${from.toISOString()}' AND ${time} < '${to.toISOString()}' ORDER BY ${order.join(', ')}`;
}
