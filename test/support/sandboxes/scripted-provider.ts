import {
  ProviderError,
  type CreatedSandbox,
  type ExecOptions,
  type ListedSandbox,
  type ProviderCapabilities,
  type ProviderFeature,
  type ProviderHandle,
  type ProviderProcess,
  type ProviderState,
  type SandboxProvider,
  type SandboxSpec,
} from '@tollbox/sandboxes/application/ports/provider';

interface ProviderObject {
  readonly sandboxId: string | null;
  readonly installationId: string;
  readonly createdAt: Date | null;
  state: ProviderState;
}

type Method = 'create' | 'exec' | 'inspect' | 'terminate' | 'list';
/** Runs before (or, for create, around) the provider's own work; may wait or throw. */
type Script = (context: { readonly signal: AbortSignal; readonly times: number }) => Promise<void> | void;

/** A door that a test opens. */
export class Gate {
  private open!: () => void;
  private arrived!: () => void;
  private readonly opened = new Promise<void>((resolve) => (this.open = resolve));
  /** Resolves when somebody stands before the door. */
  readonly reached = new Promise<void>((resolve) => (this.arrived = resolve));

  readonly pass = (): Promise<void> => {
    this.arrived();
    return this.opened;
  };

  release(): void {
    this.open();
  }
}

export const text = async function* (value: string | Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield await Promise.resolve(typeof value === 'string' ? Buffer.from(value) : value);
};

export const processOf = (stdout: string | Uint8Array, stderr = '', returncode = 0, timedOut = false): ProviderProcess => ({
  stdout: text(stdout),
  stderr: text(stderr),
  exit: Promise.resolve({ returncode, timedOut }),
});

/**
 * A provider for the tests of races and failures: it keeps its objects in memory and fails when and how a test says, in
 * the ways of the real ones. What a real provider does is tested in test/contract.
 */
export class ScriptedProvider implements SandboxProvider {
  readonly name = 'container';
  readonly objects = new Map<string, ProviderObject>();
  readonly specs: SandboxSpec[] = [];
  readonly calls: Record<Method, number> = { create: 0, exec: 0, inspect: 0, terminate: 0, list: 0 };
  /** Before the work of a method. */
  readonly before: Partial<Record<Method, Script>> = {};
  /** After the work of a method and before its answer. */
  readonly after: Partial<Record<Method, Script>> = {};
  command: (argv: readonly string[], options: ExecOptions) => ProviderProcess = (argv) => processOf(argv.join(' '));
  private counter = 0;

  capabilities(): ProviderCapabilities {
    return { isolation: 'gvisor', networkPolicy: 'none', gpu: false, features: new Set<ProviderFeature>() };
  }

  async create(spec: SandboxSpec, signal: AbortSignal): Promise<CreatedSandbox> {
    this.specs.push(spec);
    return this.run('create', signal, () => {
      const providerRef = this.add({ sandboxId: spec.sandboxId, installationId: spec.installationId, createdAt: new Date() });
      return { providerRef, imageDigest: 'sha256:abc' };
    });
  }

  async exec(
    handle: ProviderHandle,
    argv: readonly string[],
    options: ExecOptions,
    signal: AbortSignal,
  ): Promise<ProviderProcess> {
    return this.run('exec', signal, () => {
      if (this.objects.get(handle.providerRef)?.state.kind !== 'running') throw new ProviderError('gone', 'it has ended');
      return this.command(argv, options);
    });
  }

  async inspect(handle: ProviderHandle, signal: AbortSignal): Promise<ProviderState> {
    return this.run('inspect', signal, () => this.objects.get(handle.providerRef)?.state ?? { kind: 'not_found' });
  }

  async terminate(handle: ProviderHandle, signal: AbortSignal): Promise<void> {
    await this.run('terminate', signal, () => this.objects.delete(handle.providerRef));
  }

  async list(installationId: string, signal: AbortSignal): Promise<readonly ListedSandbox[]> {
    return this.run('list', signal, () =>
      [...this.objects]
        .filter(([, object]) => object.installationId === installationId)
        .map(([providerRef, { sandboxId, createdAt }]) => ({ providerRef, sandboxId, createdAt })),
    );
  }

  async close(): Promise<void> {
    return Promise.resolve();
  }

  /** Puts an object there that no create made. */
  add(object: Omit<ProviderObject, 'state'>): string {
    const providerRef = `object-${++this.counter}`;
    this.objects.set(providerRef, { ...object, state: { kind: 'running' } });
    return providerRef;
  }

  end(sandboxId: string, state: ProviderState): void {
    for (const [ref, object] of this.objects) {
      if (object.sandboxId !== sandboxId) continue;
      if (state.kind === 'not_found') this.objects.delete(ref);
      else object.state = state;
    }
  }

  private async run<T>(method: Method, signal: AbortSignal, work: () => T): Promise<T> {
    const times = ++this.calls[method];
    await this.before[method]?.({ signal, times });
    const result = work();
    await this.after[method]?.({ signal, times });
    return result;
  }
}

/** Waits until the caller gives up, then fails as the port says. */
export const hang: Script = ({ signal }) =>
  new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new ProviderError('timeout', 'given up')), { once: true });
  });
