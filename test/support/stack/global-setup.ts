import { createApplicationLogin } from '@tollbox/devstack/application-login';
import { ensureAgent } from '@tollbox/devstack/agent';
import { devContracts } from '@tollbox/devstack/contracts';
import { Engine, findOrStartEngine, NoEngineError, startOwnEngine } from '@tollbox/devstack/engine';
import { ensureGvisor, NoGvisorError } from '@tollbox/devstack/gvisor';
import { ensureSandboxImage, NoImageError } from '@tollbox/devstack/image';
import { createTemplateDatabase } from '@tollbox/devstack/migrate';
import { startPostgres } from '@tollbox/devstack/postgres';
import { proveGvisor } from '@tollbox/devstack/prove-gvisor';
import { ensurePython } from '@tollbox/devstack/python';
import { clearDeadRun, deadRuns, forgetRun, Run } from '@tollbox/devstack/run-record';
import { ENV, TEMPLATE_DATABASE } from './env';
import { keepForTeardown } from './teardown-list';

/** The suites that also run with gVisor: a run of other files does not start it. */
const RUNTIME_SUITES = /contract|isolation/;

/** Starts what all specs share and tells the workers where it is. Runs once, before the workers exist. */
export default async function globalSetup(jest: { testPathPatterns: { patterns: readonly string[] } }): Promise<void> {
  for (const record of deadRuns()) {
    await clearDeadRun(record);
    forgetRun(record);
  }
  const run = Run.open('test');
  keepForTeardown(() => Promise.resolve(run.close()));
  const postgres = await startPostgres({ directory: run.directory });
  run.addChild('postgres', postgres.pid);
  keepForTeardown(() => postgres.stop());
  await createTemplateDatabase(postgres.url('postgres'), TEMPLATE_DATABASE);
  process.env[ENV.applicationDatabaseUrl] = await createApplicationLogin(postgres.url(TEMPLATE_DATABASE));
  process.env[ENV.databaseAdminUrl] = postgres.url('postgres');
  const log = (line: string) => process.stderr.write(`${line}\n`);
  await ensurePython(log);
  const engine = await findOrStartEngine(run, log, { ownRuntime: 'runc' });
  keepForTeardown(() => engine.stop());
  process.env[ENV.dockerHost] = engine.dockerHost;
  process.env[ENV.imageReferences] = await ensureSandboxImage(engine, run, log);
  process.env[ENV.agentFile] = (await ensureAgent(log)) ?? '';
  const { patterns } = jest.testPathPatterns;
  if (patterns.length === 0 || patterns.some((pattern) => RUNTIME_SUITES.test(pattern)))
    await startGvisorEngine(run, engine, log);
  await devContracts(); // compiled once here, read from the cache by every worker
}

/** A second service beside the engine, which runs sandboxes with gVisor; where that cannot be, the reason is printed. */
async function startGvisorEngine(run: Run, engine: Engine, log: (line: string) => void): Promise<void> {
  try {
    await ensureGvisor(log);
    const gvisor = await startOwnEngine(run, log, 'runsc');
    keepForTeardown(() => gvisor.stop());
    const references = await ensureSandboxImage(gvisor, run, log, engine);
    await proveGvisor(gvisor, references.split('=')[1] ?? '');
    process.env[ENV.gvisorDockerHost] = gvisor.dockerHost;
    process.env[ENV.gvisorImageReferences] = references;
  } catch (error) {
    const isExpected = [NoGvisorError, NoEngineError, NoImageError].some((kind) => error instanceof kind);
    if (!(error instanceof Error) || !isExpected) throw error;
    log(`suites with gVisor: not run: ${error.message.split('\n')[0]}`);
  }
}
