import type { Pool, PoolClient } from 'pg';

/** Inserts the start of an operation. False when it is there already: it was abandoned, or somebody runs it. */
export async function start(client: Pool | PoolClient, operationId: string, name: string, sandboxId: string): Promise<boolean> {
  const { rowCount } = await client.query(
    `INSERT INTO operations (id, name, sandbox_id, state) VALUES ($1, $2, $3, 'started') ON CONFLICT (id) DO NOTHING`,
    [operationId, name, sandboxId],
  );
  return rowCount === 1;
}

/**
 * Takes the id of an operation that has not started. A start that is being committed at the same time is waited for, so
 * the answer is final.
 */
export async function abandon(client: Pool | PoolClient, operationId: string, name: string): Promise<'abandoned' | 'started'> {
  const { rowCount } = await client.query(
    `INSERT INTO operations (id, name, state) VALUES ($1, $2, 'abandoned') ON CONFLICT (id) DO NOTHING`,
    [operationId, name],
  );
  if (rowCount === 1) return 'abandoned';
  const { rows } = await client.query<{ state: 'abandoned' | 'started' }>('SELECT state FROM operations WHERE id = $1', [
    operationId,
  ]);
  const [row] = rows;
  if (row === undefined) throw new Error(`operation ${operationId} is neither new nor known`);
  return row.state;
}

export async function sandboxOf(client: Pool | PoolClient, operationId: string): Promise<string | null> {
  const { rows } = await client.query<{ sandbox_id: string | null }>('SELECT sandbox_id FROM operations WHERE id = $1', [
    operationId,
  ]);
  return rows[0]?.sandbox_id ?? null;
}
