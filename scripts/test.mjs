// npm test: set up, then every static check and every test. `npm test -- <pattern>` hands its arguments to jest.
// The last line counts them all: each static check as one, each jest test as one.
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { setup } from './setup.mjs';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
/** A run that hangs ends here, and says which suites had not. */
const DEADLINE_MS = (process.env.TOLLBOX_PROPERTY_RUNS === undefined ? 45 : 12 * 60) * 60_000; // `npm run test:long` takes hours
const bin = (...parts) => path.join(root, 'node_modules', ...parts);
const started = performance.now();
const say = (line = '') => process.stdout.write(`${line}\n`);
const seconds = (since) => `${((performance.now() - since) / 1_000).toFixed(1)} s`;

const CHECKS = [
  ['prettier', bin('prettier', 'bin', 'prettier.cjs'), ['--check', '--log-level', 'warn', '.']],
  ['eslint', bin('eslint', 'bin', 'eslint.js'), ['.']],
  ['tsc', bin('typescript', 'bin', 'tsc'), ['-p', '.']],
  ['dependency rules', path.join(root, 'scripts', 'check-dependencies.mjs'), []],
];

/** The environment without what names somebody's own database, chain or account: no test may reach them. */
function testEnvironment() {
  const passed = Object.entries(process.env).filter(
    ([name]) => !/^(DATABASE_URL|RPC_URL|PAY_TO|SETTLEMENT_PRIVATE_KEY|X402_NETWORK)$/.test(name),
  );
  const isModalWanted = process.env.TOLLBOX_E2E_MODAL === '1';
  return Object.fromEntries(passed.filter(([name]) => isModalWanted || !name.startsWith('MODAL_')));
}

const running = new Set();
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    interrupted = true;
    for (const child of running) child.kill(signal);
  });
}

function run(file, args, stdio) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [file, ...args], { cwd: root, stdio, env: testEnvironment() });
    running.add(child);
    let output = '';
    child.stdout?.on('data', (chunk) => (output += chunk));
    child.stderr?.on('data', (chunk) => (output += chunk));
    child.once('error', reject);
    child.once('close', (code, signal) => {
      running.delete(child);
      resolve({ code: code ?? 128 + (os.constants.signals[signal] ?? 1), output });
    });
  });
}

async function staticChecks() {
  const failed = [];
  for (const [name, file, args] of CHECKS) {
    if (interrupted) break;
    const since = performance.now();
    const { code, output } = await run(file, args, ['ignore', 'pipe', 'pipe']);
    say(`${code === 0 ? 'ok  ' : 'FAIL'} ${name} (${seconds(since)})`);
    if (code !== 0) {
      say(output.trimEnd());
      failed.push(name);
    }
  }
  return failed;
}

function readReport(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null; // jest ended before it could write one; its exit code says so too
  }
}

/** Runs jest, passing on what it says; past the deadline it is ended. Resolves to its exit code and the suites that ended. */
function runJest(args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [bin('jest', 'bin', 'jest.js'), ...args], {
      cwd: root,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: testEnvironment(),
    });
    running.add(child);
    let hung = false;
    const deadline = setTimeout(() => {
      hung = true;
      child.kill('SIGTERM');
      setTimeout(() => child.kill('SIGKILL'), 10_000).unref();
    }, DEADLINE_MS);
    const ended = new Set();
    child.stderr.on('data', (chunk) => {
      process.stderr.write(chunk);
      for (const [, suite] of String(chunk).matchAll(/(?:PASS|FAIL)\S* (\S+\.spec\.ts)/g)) ended.add(suite);
    });
    child.once('error', reject);
    child.once('close', (code) => {
      running.delete(child);
      clearTimeout(deadline);
      resolve({ code, hung, ended });
    });
  });
}

async function jest(args) {
  const reportFile = path.join(root, '.tollbox', `jest-${process.pid}.json`);
  mkdirSync(path.dirname(reportFile), { recursive: true });
  const { code, hung, ended } = await runJest(['--json', `--outputFile=${reportFile}`, ...args]);
  if (hung) {
    const { output } = await run(bin('jest', 'bin', 'jest.js'), ['--listTests', ...args], ['ignore', 'pipe', 'ignore']);
    const suites = output.split('\n').filter(Boolean);
    const open = suites.map((suite) => path.relative(root, suite)).filter((suite) => !ended.has(suite));
    return { passed: 0, failed: open.map((suite) => `${suite}: not ended after ${DEADLINE_MS / 60_000} minutes`), skipped: 0 };
  }
  const report = readReport(reportFile);
  rmSync(reportFile, { force: true });
  const failed = [];
  for (const suite of report?.testResults ?? []) {
    const name = path.relative(root, suite.name);
    const tests = suite.assertionResults.filter(({ status }) => status === 'failed');
    failed.push(...tests.map(({ fullName }) => `${name}: ${fullName}`));
    if (suite.status === 'failed' && tests.length === 0)
      failed.push(`${name}: ${suite.message.split('\n').find(Boolean) ?? 'could not run'}`);
  }
  if (code !== 0 && failed.length === 0) failed.push(`jest ended with code ${code}`);
  return { passed: report?.numPassedTests ?? 0, failed, skipped: (report?.numPendingTests ?? 0) + (report?.numTodoTests ?? 0) };
}

const jestArguments = process.argv.slice(2);
try {
  await setup();
} catch (error) {
  say(`FAIL set-up: ${error.message}`);
  say('0 passed, 1 failed');
  process.exit(1);
}
const failedChecks = jestArguments.length > 0 ? [] : await staticChecks();
const checks = jestArguments.length > 0 ? 0 : CHECKS.length;
const tests = interrupted ? { passed: 0, failed: ['interrupted'], skipped: 0 } : await jest(jestArguments);
const failures = [...failedChecks, ...tests.failed];
if (tests.skipped > 0) failures.push(`${tests.skipped} tests are skipped`);
if (tests.passed === 0 && tests.failed.length === 0) failures.push('no test ran');
if (failures.length > 0) say(`\nFailed:\n${failures.map((failure) => `  ${failure}`).join('\n')}`);
say(`\n${seconds(started)}`);
say(`${checks - failedChecks.length + tests.passed} passed, ${failures.length} failed`);
process.exitCode = failures.length === 0 ? 0 : 1;
