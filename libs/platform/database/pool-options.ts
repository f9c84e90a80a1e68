import type { PoolConfig } from 'pg';
import type { Config } from '../config/config';

/** Options of every database pool of a process. Discrete limits keep a slow or lost database from holding requests forever. */
export function poolOptions(config: Config, applicationName: string): PoolConfig {
  return {
    connectionString: config.DATABASE_URL,
    max: config.DATABASE_POOL_SIZE,
    connectionTimeoutMillis: config.DATABASE_CONNECTION_TIMEOUT_MS,
    statement_timeout: config.DATABASE_STATEMENT_TIMEOUT_MS,
    idle_in_transaction_session_timeout: config.DATABASE_STATEMENT_TIMEOUT_MS,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    application_name: applicationName,
  };
}
