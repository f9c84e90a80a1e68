import { randomUUID } from 'node:crypto';
import path from 'node:path';
import type { Engine } from '@tollbox/devstack/engine';
import { engineClient } from '@tollbox/devstack/engine-client';
import { stateDirectory } from '@tollbox/devstack/paths';
import type { ProviderHandle } from '@tollbox/sandboxes/application/ports/provider';
import { type ContainerProvider, createContainerProvider } from '@tollbox/sandboxes/infrastructure/container/container.provider';

const IMAGE = 'python:3.11';
const MEMORY_MIB = 256;
const PIDS_LIMIT = 256;
const CALL_LIMIT_MS = 60_000;
const EXEC_TIMEOUT_MS = 50_000;

export interface Usage {
  readonly memoryBytes: number;
  readonly cpuNs: number;
}

/** One runtime that is measured: the container provider over the engine that uses it. */
export class Subject {
  private readonly installationId: string;
  readonly sandboxes: ProviderHandle[] = [];

  private constructor(
    readonly name: string,
    private readonly provider: ContainerProvider,
    private readonly dockerHost: string,
    installationId: string,
  ) {
    this.installationId = installationId;
  }

  static async open(name: string, engine: Engine, imageReference: string, installationId: string): Promise<Subject> {
    const provider = await createContainerProvider({
      dockerHost: engine.dockerHost,
      imageReferences: new Map([[IMAGE, imageReference]]),
      pidsLimit: PIDS_LIMIT,
      sharedDirectory: path.join(stateDirectory(), 'engine-files'),
    });
    return new Subject(name, provider, engine.dockerHost, installationId);
  }

  get isolation(): string {
    return this.provider.capabilities().isolation;
  }

  async create(): Promise<ProviderHandle> {
    const spec = {
      sandboxId: `sb-${randomUUID()}`,
      installationId: this.installationId,
      image: IMAGE,
      cpuMillis: 1_000,
      memoryMiB: MEMORY_MIB,
      gpu: null,
      lifetimeMs: 600_000,
    };
    const handle = await this.provider.create(spec, AbortSignal.timeout(CALL_LIMIT_MS));
    this.sandboxes.push(handle);
    return handle;
  }

  /** What the command printed. */
  async exec(handle: ProviderHandle, argv: readonly string[]): Promise<string> {
    const signal = AbortSignal.timeout(CALL_LIMIT_MS);
    const process = await this.provider.exec(handle, argv, { timeoutMs: EXEC_TIMEOUT_MS }, signal);
    const read = async (stream: AsyncIterable<Uint8Array>): Promise<string> => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of stream) chunks.push(chunk);
      return Buffer.concat(chunks).toString('utf8');
    };
    const [stdout, stderr, { returncode }] = await Promise.all([read(process.stdout), read(process.stderr), process.exit]);
    if (returncode !== 0) throw new Error(`${this.name}: ${argv[0] ?? ''} ended with ${returncode}: ${stderr.slice(0, 500)}`);
    return stdout;
  }

  async usage({ providerRef }: ProviderHandle): Promise<Usage> {
    const stats = await engineClient(this.dockerHost, CALL_LIMIT_MS).getContainer(providerRef).stats({ stream: false });
    return { memoryBytes: stats.memory_stats.usage, cpuNs: stats.cpu_stats.cpu_usage.total_usage };
  }

  async removeAll(): Promise<void> {
    for (const handle of this.sandboxes.splice(0)) await this.provider.terminate(handle, AbortSignal.timeout(CALL_LIMIT_MS));
  }

  async close(): Promise<void> {
    await this.removeAll();
    await this.provider.close();
  }
}
