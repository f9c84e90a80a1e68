import type { ContainerProcess, ModalClient, SandboxExecParams } from 'modal';
import {
  type ExecOptions,
  ProviderError,
  type ProviderErrorKind,
  type ProviderHandle,
  type ProviderProcess,
} from '../../application/ports/provider';
import { CommandInput } from './command-input';
import { wholeSecondsMs } from './create-params';
import { withinDeadline } from './deadline';
import { ModalProcess } from './modal-process';
import { onTerminal } from './on-terminal';
import type { SandboxAccess } from './sandbox-access';
import type { HandleLease } from './sandbox-handles';
import type { ModalSettings } from './settings';

interface Started {
  readonly process: ContainerProcess<Uint8Array>;
  readonly lease: HandleLease;
}

const AFTER_START = new Set<ProviderErrorKind>(['gone', 'timeout', 'unavailable', 'internal']);

/** Some kinds say that nothing has run; of a command that has started they would let a buyer run it a second time. */
function afterStart(failure: ProviderError): ProviderError {
  return AFTER_START.has(failure.kind) ? failure : new ProviderError('unavailable', failure.message, { cause: failure });
}

/** Runs commands in sandboxes on Modal. */
export class ModalCommands {
  constructor(
    private readonly client: ModalClient,
    private readonly access: SandboxAccess,
    private readonly settings: Pick<ModalSettings, 'exitMarginMs' | 'logger'>,
  ) {}

  async start(
    { providerRef }: ProviderHandle,
    argv: readonly string[],
    options: ExecOptions,
    signal: AbortSignal,
  ): Promise<ProviderProcess> {
    if (argv.length === 0) throw new ProviderError('invalid', 'argv is empty');
    const timeoutMs = wholeSecondsMs(options.timeoutMs);
    const startedAtMs = performance.now();
    try {
      const { process, lease } = await withinDeadline(
        signal,
        'exec',
        () => this.startNow(providerRef, argv, { ...options, timeoutMs }),
        (late) => (late.ok ? late.value.lease.release() : undefined),
      );
      const input = new CommandInput(process.stdin, options.stdin, this.settings.logger, providerRef);
      return new ModalProcess(process, {
        startedAtMs,
        timeoutMs,
        exitMarginMs: this.settings.exitMarginMs,
        signal,
        input,
        explain: async (error) => afterStart(await this.access.explain(providerRef, 'exec', error)),
        sandboxRuns: async () => (await this.access.pollBriefly(providerRef))?.kind === 'running',
        release: () => lease.release(),
      });
    } catch (error) {
      throw await this.access.explain(providerRef, 'exec', error);
    }
  }

  private async startNow(providerRef: string, argv: readonly string[], options: ExecOptions): Promise<Started> {
    const { timeoutMs, workdir, env, pty } = options;
    if (workdir?.startsWith('/') === false) throw new ProviderError('invalid', 'workdir is not an absolute path');
    const lease = await this.access.lease(providerRef);
    try {
      const params: SandboxExecParams & { mode: 'binary' } = {
        mode: 'binary',
        timeoutMs,
        ...(workdir === undefined ? {} : { workdir }),
        ...(env === undefined ? {} : { secrets: [await this.client.secrets.fromObject({ ...env })] }),
        ...(pty === undefined ? {} : { pty: true }),
      };
      const command = pty === undefined ? [...argv] : onTerminal(argv, pty);
      return { process: await lease.sandbox.exec(command, params), lease };
    } catch (error) {
      lease.release();
      throw error;
    }
  }
}
