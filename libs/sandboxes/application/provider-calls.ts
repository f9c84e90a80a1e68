import type { Sandbox } from '../domain/sandbox';
import {
  ProviderError,
  type CreatedSandbox,
  type ExecOptions,
  type ListedSandbox,
  type ProviderCapabilities,
  type ProviderHandle,
  type ProviderProcess,
  type ProviderState,
  type SandboxProvider,
  type SandboxSpec,
} from './ports/provider';
import type { ProviderFiles } from './ports/provider-files';
import type { ProviderProcesses } from './ports/provider-processes';
import { createDeadlineMs, type SandboxSettings } from './settings';

export interface CallObserver {
  /** A sandbox whose create came back after its deadline could not be removed; the reaper finds it. */
  lateSandboxLeft(sandboxId: string, error: unknown): void;
}

/** The provider behind deadlines that hold even when the provider ignores them. */
export class ProviderCalls {
  constructor(
    private readonly provider: SandboxProvider,
    private readonly settings: SandboxSettings,
    private readonly observer: CallObserver,
  ) {}

  get name(): string {
    return this.provider.name;
  }

  capabilities(): ProviderCapabilities {
    return this.provider.capabilities();
  }

  /** @throws ProviderError; after `timeout` a sandbox that comes late is removed. */
  async create(spec: SandboxSpec): Promise<CreatedSandbox> {
    let late = false;
    return withinDeadline(createDeadlineMs(this.settings, spec.setupCommands), 'create', async (signal) => {
      signal.addEventListener('abort', () => (late = true), { once: true });
      const created = await this.provider.create(spec, signal);
      if (late) await this.removeLate(spec.sandboxId, created);
      return created;
    });
  }

  /**
   * Runs a command and gives its process to `read`, which must be done within the command's timeout and the overhead.
   * @throws ProviderError
   */
  async exec<T>(
    sandbox: Sandbox,
    argv: readonly string[],
    options: ExecOptions,
    read: (process: ProviderProcess) => Promise<T>,
  ): Promise<T> {
    const handle = this.handleOf(sandbox);
    return withinDeadline(options.timeoutMs + this.settings.execOverheadMs, 'exec', async (signal) =>
      read(await this.provider.exec(handle, argv, options, signal)),
    );
  }

  /**
   * Works on the files inside a sandbox.
   * @throws ProviderError; `invalid` where the provider has no access to files
   */
  async files<T>(
    sandbox: Sandbox,
    deadlineMs: number,
    work: (files: ProviderFiles, handle: ProviderHandle, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { files } = this.provider;
    if (files === undefined) throw new ProviderError('invalid', `${this.provider.name} has no access to files`);
    const handle = this.handleOf(sandbox);
    return withinDeadline(deadlineMs, 'files', (signal) => work(files, handle, signal));
  }

  /**
   * Works with processes of a sandbox that live on when nobody reads them.
   * @throws ProviderError; `invalid` where the provider has none
   */
  async processes<T>(
    sandbox: Sandbox,
    deadlineMs: number,
    work: (processes: ProviderProcesses, handle: ProviderHandle, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { processes } = this.provider;
    if (processes === undefined) throw new ProviderError('invalid', `${this.provider.name} has no background processes`);
    const handle = this.handleOf(sandbox);
    return withinDeadline(deadlineMs, 'processes', (signal) => work(processes, handle, signal));
  }

  /** Finishes what a dead create left undone. */
  async complete(handle: ProviderHandle): Promise<void> {
    await withinDeadline(this.settings.createDeadlineMs, 'complete', async (signal) => this.provider.complete?.(handle, signal));
  }

  async inspect(sandbox: Sandbox): Promise<ProviderState> {
    const handle = this.handleOf(sandbox);
    return withinDeadline(this.settings.inspectDeadlineMs, 'inspect', (signal) => this.provider.inspect(handle, signal));
  }

  /** Resolves for an object that is gone already. */
  async terminate(handle: ProviderHandle): Promise<void> {
    await withinDeadline(this.settings.terminateDeadlineMs, 'terminate', async (signal) => {
      try {
        await this.provider.terminate(handle, signal);
      } catch (error) {
        if (error instanceof ProviderError && (error.kind === 'gone' || error.kind === 'not_found')) return;
        throw error;
      }
    });
  }

  async list(installationId: string): Promise<readonly ListedSandbox[]> {
    return withinDeadline(this.settings.inspectDeadlineMs, 'list', (signal) => this.provider.list(installationId, signal));
  }

  /**
   * A row of another provider (the configuration changed) cannot be reached from this process.
   * @throws ProviderError `unavailable`
   */
  refuseForeign(sandbox: Sandbox): void {
    if (sandbox.provider === this.provider.name) return;
    throw new ProviderError('unavailable', `sandbox ${sandbox.id} runs on ${sandbox.provider}, not on ${this.provider.name}`);
  }

  /** @throws ProviderError for a sandbox that cannot be reached from here. */
  handleOf(sandbox: Sandbox): ProviderHandle {
    this.refuseForeign(sandbox);
    if (sandbox.providerRef === null) throw new ProviderError('gone', `sandbox ${sandbox.id} has no provider object`);
    return { providerRef: sandbox.providerRef };
  }

  private async removeLate(sandboxId: string, handle: ProviderHandle): Promise<void> {
    try {
      await this.terminate(handle);
    } catch (error) {
      this.observer.lateSandboxLeft(sandboxId, error);
    }
  }
}

/** Rejects with ProviderError `timeout` at the deadline, whether or not the work heeds its signal. */
export async function withinDeadline<T>(
  deadlineMs: number,
  action: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const error = new ProviderError('timeout', `${action} did not finish within ${deadlineMs} ms`);
      reject(error);
      controller.abort(error);
    }, deadlineMs);
  });
  try {
    return await Promise.race([work(controller.signal), deadline]);
  } finally {
    clearTimeout(timer);
  }
}
