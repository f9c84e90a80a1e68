import type { Pool, PoolClient } from 'pg';

/** The statement that runs, or the next one, rejects with the same error; without a listener it would end the process. */
const heardByStatement = (): void => undefined;

/**
 * Begins a transaction for prepared statements that find rows of a growing table by index. PostgreSQL keeps the plan that it
 * made first, maybe while the table was empty and cheaper to read as a whole; here it makes no such plan.
 */
export const BEGIN_BY_INDEX = 'BEGIN; SET LOCAL enable_seqscan = off';

/** Runs `work` in one transaction: commits what it did, or rolls back and rethrows. */
export async function inTransaction<T>(
  pool: Pool,
  work: (client: PoolClient) => Promise<T>,
  begin: 'BEGIN' | typeof BEGIN_BY_INDEX = 'BEGIN',
): Promise<T> {
  const client = await pool.connect();
  client.on('error', heardByStatement);
  const release = (isBroken: boolean): void => {
    client.off('error', heardByStatement);
    client.release(isBroken);
  };
  try {
    await client.query(begin);
    const result = await work(client);
    await client.query('COMMIT');
    release(false);
    return result;
  } catch (error) {
    // A connection that cannot even roll back is closed; the server then rolls back by itself.
    await client.query('ROLLBACK').then(
      () => release(false),
      () => release(true),
    );
    throw error;
  }
}
