import type { Pool, PoolClient } from 'pg';

/** The statement that runs, or the next one, rejects with the same error; without a listener it would end the process. */
const heardByStatement = (): void => undefined;

type Work<T> = (client: PoolClient) => Promise<T>;

/** Runs `work` in one transaction: commits what it did, or rolls back and rethrows. */
export function inTransaction<T>(pool: Pool, work: Work<T>): Promise<T> {
  return runTransaction(pool, 'BEGIN', work);
}

/**
 * As `inTransaction`, for prepared statements that find rows of a growing table by index. PostgreSQL keeps the plan that it
 * made first, maybe while the table was empty and cheaper to read as a whole; here it makes no such plan.
 */
export function inTransactionByIndex<T>(pool: Pool, work: Work<T>): Promise<T> {
  return runTransaction(pool, 'BEGIN; SET LOCAL enable_seqscan = off', work);
}

/** All queries of `work` see the same rows, whatever is committed meanwhile; none may write. */
export function atOneMoment<T>(pool: Pool, work: Work<T>): Promise<T> {
  return runTransaction(pool, 'BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY', work);
}

async function runTransaction<T>(pool: Pool, begin: string, work: Work<T>): Promise<T> {
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
