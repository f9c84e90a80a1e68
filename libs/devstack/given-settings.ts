import { ConfigurationError, loadConfig } from '@tollbox/platform/config/config';
import { errorCode } from './error-code';

/** Stands for what the stack boots or makes itself, while the settings around it are read. */
const BOOTED = {
  DATABASE_URL: 'postgresql://127.0.0.1/booted',
  RPC_URL: 'http://127.0.0.1:1',
  PAY_TO: '0x0000000000000000000000000000000000000001',
};

/**
 * Reads the given settings as the gateway and the worker will, before anything is started.
 * @throws ConfigurationError with the list of all bad variables
 */
export function checkGivenSettings(given: Readonly<Record<string, string | undefined>>): void {
  if (given['RPC_URL'] && !given['PAY_TO'])
    throw new ConfigurationError(['PAY_TO: is needed when RPC_URL is given: the wallet that receives the payments']);
  const booted = Object.fromEntries(Object.entries(BOOTED).filter(([name]) => !given[name]));
  const modal = given['MODAL_TOKEN_ID'] && !given['SANDBOX_PROVIDER'] ? { SANDBOX_PROVIDER: 'modal' } : {};
  loadConfig({ ...given, ...booted, ...modal });
  const owner = given['MIGRATION_DATABASE_URL'];
  if (owner && !/^postgres(ql)?:\/\/\S+$/.test(owner))
    throw new ConfigurationError(['MIGRATION_DATABASE_URL: is no PostgreSQL URL']);
}

/** Where a URL leads, without its login. */
function placeOf(url: string): string {
  const { hostname, port, pathname } = new URL(url);
  return `${hostname}${port === '' ? '' : `:${port}`}${pathname}`;
}

/** Runs what needs a part that was given, and says which variable is wrong where the part cannot be reached. */
export async function reaching<T>(variable: string, url: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const problem = problemOf(cause);
    if (problem === null) throw cause;
    throw new ConfigurationError([`${variable}: ${placeOf(url)} ${problem}`]);
  }
}

const MAX_CAUSES = 4;
const PROBLEMS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refuses the connection: nothing listens there',
  ENOTFOUND: 'is unknown: there is no such host',
  EAI_AGAIN: 'is unknown: its host cannot be looked up',
  ETIMEDOUT: 'does not answer',
  EHOSTUNREACH: 'cannot be reached',
  ENETUNREACH: 'cannot be reached',
  ECONNRESET: 'ended the connection: it is no such server',
  '28P01': 'refuses the login: wrong password',
  '28000': 'refuses the login',
  '42501': 'refuses what the login wants: give the owner of the database in MIGRATION_DATABASE_URL',
};

/** Null for an error that is not about reaching the part. */
function problemOf(error: unknown, depth = 0): string | null {
  const known = PROBLEMS[String(errorCode(error))];
  if (known !== undefined) return known;
  if (depth === MAX_CAUSES || !(error instanceof Error)) return null;
  return problemOf(error instanceof AggregateError ? error.errors[0] : error.cause, depth + 1);
}
