import { createApplicationLogin } from '@tollbox/devstack/application-login';
import { devContracts } from '@tollbox/devstack/contracts';
import { findOrStartEngine } from '@tollbox/devstack/engine';
import { ensureSandboxImage } from '@tollbox/devstack/image';
import { createTemplateDatabase } from '@tollbox/devstack/migrate';
import { startPostgres } from '@tollbox/devstack/postgres';
import { ensurePython } from '@tollbox/devstack/python';
import { clearDeadRun, deadRuns, forgetRun, Run } from '@tollbox/devstack/run-record';
import { ENV, TEMPLATE_DATABASE } from './env';
import { keepForTeardown } from './teardown-list';

/** Starts what all specs share and tells the workers where it is. Runs once, before the workers exist. */
export default async function globalSetup(): Promise<void> {
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
  const engine = await findOrStartEngine(run, log);
  keepForTeardown(() => engine.stop());
  process.env[ENV.dockerHost] = engine.dockerHost;
  process.env[ENV.imageReferences] = await ensureSandboxImage(engine, run, log);
  await devContracts(); // compiled once here, read from the cache by every worker
}
