import { formatLogLine } from '../log-format';
import { abortCommands } from '../processes';
import { bootStack, Stack } from '../stack';
import { Buyer } from './buyer';
import { checkBooks } from './books';
import { Checks } from './checks';
import { green, heading, item, print, red } from './printer';
import { runSession } from './session';

const KEPT_LOG_LINES = 60;
/** What the demo takes over from its surroundings. Nothing that names a database, a chain, an account or a price. */
const PASSED_ON = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'TZ', 'NODE_OPTIONS', 'NODE_EXTRA_CA_CERTS', 'XDG_RUNTIME_DIR'];

function ownEnvironment(): NodeJS.ProcessEnv {
  const passed = Object.fromEntries(PASSED_ON.map((name) => [name, process.env[name]]));
  return { ...passed, PORT: '0', LOG_LEVEL: 'info' };
}

async function playOn(stack: Stack, checks: Checks): Promise<void> {
  const chain = stack.chain.own;
  const wallet = stack.chain.agents[0];
  if (chain === null || wallet === undefined) throw new Error('the demo runs on its own chain only');
  const payTo = stack.chain.payTo as `0x${string}`;
  item('gateway', stack.gatewayUrl);
  item('isolation', stack.isolation ?? 'unknown');
  item('agent', `${wallet.address}, holds 1,000 USDC`);
  item('payTo', payTo);
  const buyer = new Buyer(stack.gatewayUrl, wallet);
  const earnedBefore = await chain.balanceOf(payTo);
  const session = await runSession(buyer, checks);
  await checkBooks({ databaseUrl: stack.database.url, chain, payTo, earnedBefore }, session, buyer.address, checks);
}

/** Rejects at the first signal that asks this process to end. */
function interruption(): Promise<never> {
  const ended = new Promise<never>((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        abortCommands(); // a long step of the set-up
        reject(new Error(`ended by ${signal}`));
      });
    }
  });
  ended.catch(() => undefined); // it is raced against the session; before and after that it is not an unhandled rejection
  return ended;
}

/** Boots, plays and stops. Returns what went wrong beside the checks, in the order it happened. */
async function run(checks: Checks, logLines: string[]): Promise<Error[]> {
  const failures: Error[] = [];
  const note = (error: unknown) => failures.push(error instanceof Error ? error : new Error(String(error)));
  const ended = interruption();
  const stack = await bootStack({
    kind: 'demo',
    given: { SETTLEMENT_MODE: 'confirm', ...ownEnvironment() }, // every step shows its receipt
    log: (line) => item('set-up', line),
    onLine: (name, line) => {
      const text = formatLogLine(name, line);
      if (text !== null) logLines.push(text);
      if (logLines.length > KEPT_LOG_LINES) logLines.shift();
    },
    onFatal: note,
  }).catch(note);
  if (typeof stack === 'number') return failures;
  await Promise.race([playOn(stack, checks), ended]).catch(note);
  await stack.stop().catch(note);
  return failures;
}

async function main(): Promise<number> {
  const started = performance.now();
  const checks = new Checks();
  const logLines: string[] = [];
  heading('Tollbox demo: an agent pays for a sandbox, runs code in it, and leaves');
  const failures = await run(checks, logLines);
  const seconds = ((performance.now() - started) / 1_000).toFixed(1);
  if (failures.length === 0 && checks.failures === 0) {
    print(green(`\nEvery step held; everything is stopped. ${seconds} s`));
    return 0;
  }
  for (const failure of failures) print(red(`\n${failure.message}`));
  if (logLines.length > 0) print(`\nLast lines of the logs:\n${logLines.join('\n')}`);
  print(red(`\nThe demo failed after ${seconds} s: ${checks.failures} claims did not hold, ${failures.length} errors.`));
  return 1;
}

void main().then((code) => {
  process.exitCode = code;
});
