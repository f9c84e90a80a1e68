/**
 * The real parts that specs run against. One PostgreSQL and one container engine serve the whole test run (started in
 * global-setup.ts); a spec takes a database and a chain of its own from here and gives them back in afterAll.
 */
import { randomUUID } from 'node:crypto';
import { Chain, ChainOptions, startChain } from '@tollbox/devstack/chain';
import { createDatabase, dropDatabase, withDatabaseName } from '@tollbox/devstack/database';
import { Run } from '@tollbox/devstack/run-record';
import { ENV, TEMPLATE_DATABASE } from './env';

function fromGlobalSetup(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`${name} is not set: is jest's globalSetup configured?`);
  return value;
}

export interface TestDatabase {
  readonly name: string;
  /** As its owner, who may do everything. */
  readonly url: string;
  /** As the login of the gateway and the worker. */
  readonly applicationUrl: string;
  /** Ends all connections to it and removes it. */
  drop(): Promise<void>;
}

/** A fresh database; migrated unless `migrated: false`. Takes about 50 ms. */
export async function testDatabase(options: { migrated?: boolean } = {}): Promise<TestDatabase> {
  const adminUrl = fromGlobalSetup(ENV.databaseAdminUrl);
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  const url = await createDatabase(adminUrl, name, options.migrated === false ? {} : { template: TEMPLATE_DATABASE });
  const applicationUrl = withDatabaseName(fromGlobalSetup(ENV.applicationDatabaseUrl), name);
  return { name, url, applicationUrl, drop: () => dropDatabase(adminUrl, name) };
}

/** URL of another database of the test server, for specs that create one themselves. */
export function testDatabaseUrl(name: string): string {
  return withDatabaseName(fromGlobalSetup(ENV.databaseAdminUrl), name);
}

/** A chain of its own with dev USDC and Multicall3; blocks on every transaction unless `blockTimeS` is given. */
export async function testChain(options: Omit<ChainOptions, 'directory'> = {}): Promise<Chain> {
  const run = Run.open('test');
  try {
    const chain = await startChain({ ...options, directory: run.directory });
    run.addChild('chain', chain.pid);
    const stop = chain.stop.bind(chain);
    chain.stop = async () => {
      await stop();
      run.close();
    };
    return chain;
  } catch (error) {
    run.close();
    throw error;
  }
}

export interface TestEngine {
  /** Address of the container engine, as DOCKER_HOST. */
  readonly dockerHost: string;
  /** Value of SANDBOX_IMAGE_REFERENCES: what the engine calls the sold image. */
  readonly imageReferences: string;
  /** The same, as the container provider takes it. */
  readonly imageReferenceMap: ReadonlyMap<string, string>;
  /** The compiled agent of container sandboxes. */
  readonly agentFile: string;
}

export type TestRuntime = 'default' | 'gvisor';

/** The engines that suites about containers run against: the one of the test run, and gVisor's where it can be had. */
export const testRuntimes = (): readonly TestRuntime[] =>
  process.env[ENV.gvisorDockerHost] === undefined ? ['default'] : ['default', 'gvisor'];

/** The container engine of the test run, which has the image that is sold as `python:3.11`. */
export function testEngine(runtime: TestRuntime = 'default'): TestEngine {
  const imageReferences = fromGlobalSetup(runtime === 'gvisor' ? ENV.gvisorImageReferences : ENV.imageReferences);
  const [sold = '', reference = ''] = imageReferences.split('=');
  const dockerHost = fromGlobalSetup(runtime === 'gvisor' ? ENV.gvisorDockerHost : ENV.dockerHost);
  return {
    dockerHost,
    imageReferences,
    imageReferenceMap: new Map([[sold, reference]]),
    agentFile: fromGlobalSetup(ENV.agentFile),
  };
}
