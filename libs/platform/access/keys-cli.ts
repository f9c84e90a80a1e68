import { existsSync, readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Pool } from 'pg';
import { z } from 'zod';
import { AuditLog } from '../audit/audit-log';
import { systemClock } from '../clock/clock';
import { systemIds, systemRandom } from '../clock/random';
import { STAFF_ROLES } from '../routes/access.decorators';
import { StaffKeys, type StaffKey } from './staff-keys';

const USAGE = `Usage:
  npm run keys -- create --name NAME --role ${STAFF_ROLES.join('|')} [--days N]
  npm run keys -- list
  npm run keys -- revoke ID
The database is DATABASE_URL, else the one of the development stack that runs in this directory.
`;
const DAY_MS = 86_400_000;

const createOptions = z.object({
  name: z.string().trim().min(1, 'is needed').max(100, 'is longer than 100 characters'),
  role: z.enum(STAFF_ROLES, { error: `must be one of ${STAFF_ROLES.join(', ')}` }),
  days: z.coerce.number('must be a number').int('must be whole').min(1, 'must be at least 1').max(3650, 'must be at most 3650'),
});

/** Wrong use of the command; its text and the usage are shown. */
class UsageError extends Error {}

interface Output {
  write(text: string): unknown;
}

/**
 * The `keys` command.
 * @returns the exit code: 0 done, 1 refused or failed, 2 wrong use
 */
export async function runKeysCommand(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  out: Output,
  err: Output,
): Promise<number> {
  try {
    return await run(args, env, out, err);
  } catch (error) {
    const wrongUse = error instanceof UsageError;
    err.write(`keys: ${error instanceof Error ? error.message || error.name : String(error)}\n${wrongUse ? USAGE : ''}`);
    return wrongUse ? 2 : 1;
  }
}

async function run(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  out: Output,
  err: Output,
): Promise<number> {
  const { values, positionals } = readArguments(args);
  const [command, id, ...rest] = positionals;
  if (values.help === true) {
    out.write(USAGE);
    return 0;
  }
  if (rest.length > 0) throw new UsageError('too many arguments');
  if (command === 'create') return withKeys(env, (keys) => create(keys, values, out));
  if (command === 'list') return withKeys(env, async (keys) => printList(await keys.list(), out));
  if (command === 'revoke') return withKeys(env, (keys) => revoke(keys, id, out, err));
  throw new UsageError(command === undefined ? 'a command is needed' : `there is no command ${command}`);
}

function readArguments(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        name: { type: 'string' },
        role: { type: 'string' },
        days: { type: 'string', default: '90' },
        help: { type: 'boolean' },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

async function create(keys: StaffKeys, values: Record<string, unknown>, out: Output): Promise<number> {
  const parsed = createOptions.safeParse({ name: '', ...values });
  if (!parsed.success)
    throw new UsageError(parsed.error.issues.map(({ path: at, message }) => `--${at.join('.')} ${message}`).join('; '));
  const { name, role, days } = parsed.data;
  const { token, key } = await keys.create({ name, role, lifetimeMs: days * DAY_MS, by: operatorName() });
  out.write(`id       ${key.id}\nname     ${key.name}\nrole     ${key.role}\nexpires  ${key.expiresAt.toISOString()}\n`);
  out.write(`key      ${token}\n\nThis key is shown once. Send it as: Authorization: Bearer <key>\n`);
  return 0;
}

async function revoke(keys: StaffKeys, id: string | undefined, out: Output, err: Output): Promise<number> {
  if (id === undefined || !z.uuid().safeParse(id).success)
    throw new UsageError('revoke needs the id of a key, as `list` shows it');
  const revoked = await keys.revoke(id, operatorName());
  if (revoked) out.write(`revoked ${id}\n`);
  else err.write(`keys: no key that is still good has the id ${id}\n`);
  return revoked ? 0 : 1;
}

function printList(keys: readonly StaffKey[], out: Output): number {
  for (const key of keys) {
    const state = key.revokedAt !== null ? 'revoked' : key.expiresAt.getTime() <= systemClock.nowMs() ? 'expired' : 'good';
    out.write(
      `${key.id}  ${state.padEnd(7)}  ${key.role.padEnd(8)}  expires ${key.expiresAt.toISOString()}  last used ${key.lastUsedAt?.toISOString() ?? 'never'}  ${key.name}\n`,
    );
  }
  if (keys.length === 0) out.write('no keys\n');
  return 0;
}

/** Name for the audit log of whoever runs the command on this machine. */
const operatorName = (): string => `cli:${userInfo().username}`;

async function withKeys(
  env: Readonly<Record<string, string | undefined>>,
  work: (keys: StaffKeys) => Promise<number>,
): Promise<number> {
  const pool = new Pool({
    connectionString: databaseUrl(env),
    max: 2,
    connectionTimeoutMillis: 5_000,
    application_name: 'tollbox-keys',
  });
  try {
    return await work(new StaffKeys(pool, systemClock, systemRandom, systemIds, new AuditLog(pool)));
  } finally {
    await pool.end();
  }
}

function databaseUrl(env: Readonly<Record<string, string | undefined>>): string {
  const given = env['DATABASE_URL'];
  if (given !== undefined && given !== '') return given;
  const file = path.join(process.cwd(), '.tollbox', 'dev.json');
  if (existsSync(file)) {
    const parsed = z.object({ databaseUrl: z.string() }).safeParse(JSON.parse(readFileSync(file, 'utf8')));
    if (parsed.success) return parsed.data.databaseUrl;
  }
  throw new UsageError('DATABASE_URL is not set and no development stack runs here');
}

if (require.main === module) {
  void runKeysCommand(process.argv.slice(2), process.env, process.stdout, process.stderr).then((code) => {
    process.exitCode = code;
  });
}
