import {
  type ExecOptions,
  type ProviderHandle,
  ProviderError,
  type ProviderErrorKind,
  type SandboxProvider,
  type SandboxSpec,
} from '@tollbox/sandboxes/application/ports/provider';
import { randomUUID } from 'node:crypto';

export interface RunResult {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly returncode: number;
  readonly timedOut: boolean;
}

/** A signal that nobody aborts within a test. */
export const patient = (): AbortSignal => AbortSignal.timeout(60_000);

export async function collect(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Runs a command and reads both streams to their ends at the same time. */
export async function run(
  provider: SandboxProvider,
  handle: ProviderHandle,
  argv: readonly string[],
  options: ExecOptions = { timeoutMs: 30_000 },
): Promise<RunResult> {
  const process = await provider.exec(handle, argv, options, patient());
  const [stdout, stderr, exit] = await Promise.all([collect(process.stdout), collect(process.stderr), process.exit]);
  return { stdout, stderr, ...exit };
}

/** The kind of the ProviderError that the promise rejects with; anything else fails the test. */
export async function rejectionKind(promise: Promise<unknown>): Promise<ProviderErrorKind> {
  const outcome: unknown = await promise.then(
    () => 'fulfilled',
    (error: unknown) => error,
  );
  if (outcome instanceof ProviderError) return outcome.kind;
  throw new Error('expected a ProviderError', { cause: outcome });
}

/** A spec of a small sandbox; ids are new ones unless they are given. */
export function sandboxSpec(image: string, overrides: Partial<SandboxSpec> = {}): SandboxSpec {
  return {
    sandboxId: `sb-${randomUUID()}`,
    installationId: randomUUID(),
    image,
    cpuMillis: 1_000,
    memoryMiB: 256,
    gpu: null,
    lifetimeMs: 300_000,
    ...overrides,
  };
}

/** Asks until the answer is the wanted one; the last answer when it never is, so that the test shows it. */
export async function eventually<T>(ask: () => Promise<T>, wanted: (answer: T) => boolean, limitMs = 20_000): Promise<T> {
  const until = Date.now() + limitMs;
  for (;;) {
    const answer = await ask();
    if (wanted(answer) || Date.now() > until) return answer;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
