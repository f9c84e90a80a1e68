import { Client } from 'pg';
import { errorCode } from './error-code';
import { delay } from './processes';

const SOURCE_IN_USE = '55006';
const NO_SUCH_DATABASE = '3D000';

/** Runs `work` on a connection of its own and closes it. */
export async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** The same server and login with another database name. */
export function withDatabaseName(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${encodeURIComponent(database)}`;
  return changed.href;
}

/**
 * Creates a database, as a copy of `template` when one is named, and returns its URL.
 * A template that somebody is just connected to is tried again for a few seconds.
 */
export async function createDatabase(adminUrl: string, name: string, options: { template?: string } = {}): Promise<string> {
  await withClient(adminUrl, async (client) => {
    const suffix = options.template === undefined ? '' : ` TEMPLATE ${client.escapeIdentifier(options.template)}`;
    for (let attempt = 1; ; attempt++) {
      try {
        await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}${suffix}`);
        return;
      } catch (error) {
        const code = errorCode(error);
        if (code !== SOURCE_IN_USE || attempt === 50) throw error;
        await delay(100);
      }
    }
  });
  return withDatabaseName(adminUrl, name);
}

const LEAVE_POLLS = 100;
const LEAVE_POLL_MS = 20;

/**
 * Removes the database; one that does not exist is fine. Connections that are closing get a moment to be gone, since a
 * forced end reaches their client as an error; what is still connected then is ended.
 */
export async function dropDatabase(adminUrl: string, name: string): Promise<void> {
  await withClient(adminUrl, async (client) => {
    for (let poll = 0; poll < LEAVE_POLLS; poll++) {
      const { rowCount } = await client.query('SELECT 1 FROM pg_stat_activity WHERE datname = $1', [name]);
      if (rowCount === 0) break;
      await delay(LEAVE_POLL_MS);
    }
    await client.query(`DROP DATABASE IF EXISTS ${client.escapeIdentifier(name)} WITH (FORCE)`);
  });
}

/** Creates the database that `url` names when the server does not have it yet. */
export async function ensureDatabase(url: string): Promise<void> {
  try {
    await withClient(url, () => Promise.resolve());
  } catch (error) {
    if (errorCode(error) !== NO_SUCH_DATABASE) throw error;
    const name = decodeURIComponent(new URL(url).pathname.slice(1));
    await createDatabase(withDatabaseName(url, 'postgres'), name);
  }
}
