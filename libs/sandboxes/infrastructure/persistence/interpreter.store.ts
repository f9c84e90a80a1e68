import { inTransaction } from '@tollbox/platform/database/transaction';
import type { Pool } from 'pg';
import type { InterpreterStore, TakenContext } from '../../application/ports/interpreter-store';

/** The row's lock makes two cells of one context wait for each other; what the row said before comes back with it. */
const TAKE = `WITH before AS (
    SELECT process_id, operation_id FROM interpreter_contexts WHERE sandbox_id = $1 AND name = $2 FOR UPDATE
  )
  INSERT INTO interpreter_contexts AS context (sandbox_id, name, operation_id, held_until)
  VALUES ($1, $2, $3, now() + $4 * interval '1 ms')
  ON CONFLICT (sandbox_id, name) DO UPDATE SET operation_id = excluded.operation_id, held_until = excluded.held_until,
    process_id = CASE WHEN context.operation_id IS NULL THEN context.process_id END
  WHERE context.operation_id IS NULL OR context.held_until < now()
  RETURNING context.process_id, (SELECT before.process_id FROM before WHERE before.operation_id IS NOT NULL) AS left_process_id`;

/** The InterpreterStore over hand-written SQL. */
export class PgInterpreterStore implements InterpreterStore {
  constructor(private readonly pool: Pool) {}

  async take(
    { sandboxId, name, operationId }: Parameters<InterpreterStore['take']>[0],
    { holdMs, maxContexts }: Parameters<InterpreterStore['take']>[1],
  ): Promise<TakenContext | 'busy' | 'too_many'> {
    return inTransaction(this.pool, async (client) => {
      await client.query('SELECT id FROM sandboxes WHERE id = $1 FOR NO KEY UPDATE', [sandboxId]);
      const { rows: counted } = await client.query<{ others: number }>(
        'SELECT count(*)::int AS others FROM interpreter_contexts WHERE sandbox_id = $1 AND name <> $2',
        [sandboxId, name],
      );
      if ((counted[0]?.others ?? 0) >= maxContexts) return 'too_many';
      const { rows } = await client.query<{ process_id: string | null; left_process_id: string | null }>(TAKE, [
        sandboxId,
        name,
        operationId,
        holdMs,
      ]);
      const [row] = rows;
      return row === undefined ? 'busy' : { processId: row.process_id, leftProcessId: row.left_process_id };
    });
  }

  async giveBack(operationId: string, processId: string | null): Promise<void> {
    await this.pool.query(
      `UPDATE interpreter_contexts SET operation_id = NULL, held_until = NULL, process_id = $2, cells = cells + 1, last_cell_at = now()
       WHERE operation_id = $1`,
      [operationId, processId],
    );
  }
}
