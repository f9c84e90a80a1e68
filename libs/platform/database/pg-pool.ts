import { Logger } from '@nestjs/common';
import { Pool } from 'pg';
import type { Config } from '../config/config';
import { poolOptions } from './pool-options';

/** Nest's injection token of the `pg` Pool: hot inserts, locks and hand-written SQL. NUMERIC and BIGINT arrive as strings. */
export const PG_POOL = Symbol('PgPool');

/**
 * Opens no connection until the first query. An idle connection that breaks (the database restarted) is logged and
 * replaced; without a listener it would end the process.
 */
export function createPgPool(config: Config, applicationName: string): Pool {
  const logger = new Logger('PgPool');
  const pool = new Pool(poolOptions(config, applicationName));
  pool.on('error', (error) => logger.warn(`an idle database connection broke: ${error.message}`));
  return pool;
}
