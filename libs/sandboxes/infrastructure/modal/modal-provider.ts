import { type ContainerProcess, ModalClient, type Sandbox, type SandboxCreateParams } from 'modal';
import { mapConcurrently } from '@tollbox/platform/process/map-concurrently';
import {
  type CreatedSandbox,
  type ExecOptions,
  type ListedSandbox,
  type ProviderCapabilities,
  ProviderError,
  type ProviderFeature,
  type ProviderHandle,
  type ProviderProcess,
  type ProviderState,
  type SandboxProvider,
  type SandboxSpec,
} from '../../application/ports/provider';
import type { LateOutcome } from '../until-aborted';
import { createParams, INSTALLATION_TAG, SANDBOX_TAG, wholeSecondsMs } from './create-params';
import { withinDeadline } from './deadline';
import { isNotFound, toCreateError, toProviderError } from './errors';
import { ModalCatalogue } from './modal-catalogue';
import { ModalProcess } from './modal-process';
import { type HandleLease, SandboxHandles } from './sandbox-handles';
import { type ModalLogger, type ModalProviderOptions, modalSettings, type ModalSettings } from './settings';

/** How long the look at the sandbox after a failed command may take. */
const EXPLAIN_DEADLINE_MS = 5_000;
const FIRST_TERMINATE_POLL_MS = 20;
const MAX_TERMINATE_POLL_MS = 1_000;
const TAG_QUERIES_AT_ONCE = 8;
const REMEMBERED_TAGS = 10_000;

const FEATURES: ReadonlySet<ProviderFeature> = new Set(['gpu', 'network_public']);

/**
 * Sandboxes on Modal, through its SDK. `MODAL_SERVER_URL` in the environment addresses another control plane.
 * @throws ProviderError `misconfigured` that lists every problem of the options.
 */
export function createModalProvider(options: ModalProviderOptions): ModalProvider {
  const settings = modalSettings(options, process.env['MODAL_SERVER_URL']);
  return new ModalProvider(settings, connect(settings));
}

function connect(settings: ModalSettings): ModalClient {
  return new ModalClient({
    tokenId: settings.tokenId,
    tokenSecret: settings.tokenSecret,
    maxThrottleWaitSecs: settings.maxThrottleWaitS,
    logger: sdkLogger(settings.logger),
    ...(settings.environment === undefined ? {} : { environment: settings.environment }),
  });
}

/** The SDK logs the arguments of commands below `warn`; those are the buyers' and stay out of the log. */
function sdkLogger(logger: ModalLogger): {
  debug(): void;
  info(): void;
  warn(message: string, ...args: unknown[]): void;
  error(message: string, ...args: unknown[]): void;
} {
  const fields = (args: unknown[]): Record<string, unknown> => ({ component: 'modal-sdk', details: args.map(String) });
  return {
    debug: () => undefined,
    info: () => undefined,
    warn: (message, ...args) => logger.warn(fields(args), message),
    error: (message, ...args) => logger.error(fields(args), message),
  };
}

export class ModalProvider implements SandboxProvider {
  readonly name = 'modal';
  private readonly handles: SandboxHandles;
  private readonly sandboxIds = new Map<string, string | null>();
  private readonly catalogue: ModalCatalogue;
  private readonly cleanups = new Set<Promise<void>>();

  constructor(
    private readonly settings: ModalSettings,
    private readonly client: ModalClient,
  ) {
    this.catalogue = new ModalCatalogue(client, settings.appName);
    this.handles = new SandboxHandles(settings.maxIdleHandles, (providerRef) => client.sandboxes.fromId(providerRef));
  }

  capabilities(): ProviderCapabilities {
    return { isolation: 'modal-gvisor', networkPolicy: 'public', gpu: true, features: FEATURES };
  }

  async create(spec: SandboxSpec, signal: AbortSignal): Promise<CreatedSandbox> {
    const reference = this.imageReference(spec.image);
    const params = createParams(spec, this.settings.cpuPerVcpu);
    const sandbox = await withinDeadline(
      signal,
      'create',
      () => this.createNow(reference, params, signal),
      (late) => this.removeLateSandbox(spec.sandboxId, late),
    );
    this.handles.add(sandbox);
    this.rememberTags(sandbox.sandboxId, spec.sandboxId);
    return { providerRef: sandbox.sandboxId, imageDigest: /@(sha256:[0-9a-f]{64})$/.exec(reference)?.[1] ?? null };
  }

  async exec(
    handle: ProviderHandle,
    argv: readonly string[],
    options: ExecOptions,
    signal: AbortSignal,
  ): Promise<ProviderProcess> {
    if (argv.length === 0) throw new ProviderError('invalid', 'argv is empty');
    const { providerRef } = handle;
    const timeoutMs = wholeSecondsMs(options.timeoutMs);
    const startedAtMs = performance.now();
    try {
      const { process, lease } = await withinDeadline(
        signal,
        'exec',
        () => this.startCommand(providerRef, argv, timeoutMs),
        (late) => (late.ok ? late.value.lease.release() : undefined),
      );
      return new ModalProcess(process, {
        startedAtMs,
        timeoutMs,
        exitMarginMs: this.settings.exitMarginMs,
        signal,
        explain: (error) => this.explainExecFailure(providerRef, error),
        sandboxRuns: async () => (await this.pollBriefly(providerRef))?.kind === 'running',
        release: () => lease.release(),
      });
    } catch (error) {
      throw await this.explainExecFailure(providerRef, error);
    }
  }

  async inspect(handle: ProviderHandle, signal: AbortSignal): Promise<ProviderState> {
    try {
      return await withinDeadline(signal, 'inspect', () => this.poll(handle.providerRef));
    } catch (error) {
      throw toProviderError(error, 'inspect');
    }
  }

  async terminate(handle: ProviderHandle, signal: AbortSignal): Promise<void> {
    try {
      await withinDeadline(signal, 'terminate', () => this.withHandle(handle.providerRef, (sandbox) => sandbox.terminate()));
      await this.untilEnded(handle.providerRef, signal);
    } catch (error) {
      if (!isNotFound(error)) throw toProviderError(error, 'terminate');
    }
    this.forget(handle.providerRef);
  }

  async list(installationId: string, signal: AbortSignal): Promise<readonly ListedSandbox[]> {
    try {
      return await withinDeadline(signal, 'list', () => this.listNow(installationId, signal));
    } catch (error) {
      if (isNotFound(error)) this.catalogue.forget();
      throw toProviderError(error, 'list');
    }
  }

  async close(): Promise<void> {
    if (this.cleanups.size > 0) {
      let timer: NodeJS.Timeout | undefined;
      const grace = new Promise<void>((resolve) => (timer = setTimeout(resolve, this.settings.closeGraceMs)));
      await Promise.race([Promise.all(this.cleanups), grace]);
      clearTimeout(timer);
    }
    this.handles.retireAll();
    this.client.close();
  }

  private imageReference(image: string): string {
    if (!this.settings.images.includes(image)) throw new ProviderError('invalid', `the image ${image} is not sold`);
    return this.settings.imageReferences[image] ?? image;
  }

  private async createNow(reference: string, params: SandboxCreateParams, signal: AbortSignal): Promise<Sandbox> {
    try {
      const app = await this.catalogue.app();
      const image = await this.catalogue.image(app, reference);
      // The caller has left while the image was built: nothing has been created, and nothing will be.
      if (signal.aborted)
        throw new ProviderError('timeout', 'Modal create: the deadline passed before the sandbox was asked for');
      return await this.client.sandboxes.create(app, image, params);
    } catch (error) {
      if (!isNotFound(error)) throw toCreateError(error);
      this.catalogue.forget(reference);
      throw new ProviderError('unavailable', 'Modal create: the app or the image had been deleted and will be made anew', {
        cause: error,
      });
    }
  }

  /** A sandbox that came to be after its create had been given up would run, and cost, for its whole lifetime. */
  private removeLateSandbox(sandboxId: string, late: LateOutcome<Sandbox>): void {
    const { logger } = this.settings;
    if (!late.ok) {
      logger.debug({ sandboxId, error: String(late.error) }, 'a create that had been given up failed');
      return;
    }
    const { sandboxId: providerRef } = late.value;
    const cleanup = late.value
      .terminate()
      .then(
        () => logger.info({ sandboxId, providerRef }, 'ended a sandbox that was created after its deadline'),
        (error: unknown) =>
          logger.warn(
            { sandboxId, providerRef, error: String(error) },
            'a sandbox that was created after its deadline is left to the reaper',
          ),
      )
      .finally(() => {
        late.value.detach();
        this.cleanups.delete(cleanup);
      });
    this.cleanups.add(cleanup);
  }

  private async startCommand(
    providerRef: string,
    argv: readonly string[],
    timeoutMs: number,
  ): Promise<{ process: ContainerProcess<Uint8Array>; lease: HandleLease }> {
    const lease = await this.handles.lease(providerRef);
    try {
      const process = await lease.sandbox.exec([...argv], { mode: 'binary', timeoutMs });
      // Nothing will be written. Without the end of input a command that reads it would wait until its timeout.
      process.stdin.close().catch((error: unknown) => {
        this.settings.logger.debug({ providerRef, error: String(error) }, 'Modal did not take the end of input');
      });
      return { process, lease };
    } catch (error) {
      lease.release();
      throw error;
    }
  }

  private async withHandle<T>(providerRef: string, use: (sandbox: Sandbox) => Promise<T>): Promise<T> {
    const lease = await this.handles.lease(providerRef);
    try {
      return await use(lease.sandbox);
    } finally {
      lease.release();
    }
  }

  /** Modal's code for a sandbox is 124 past its lifetime and 137 terminated; it never says that memory ran out. */
  private async poll(providerRef: string): Promise<ProviderState> {
    try {
      const returncode = await this.withHandle(providerRef, (sandbox) => sandbox.poll());
      if (returncode === null) return { kind: 'running' };
      this.forget(providerRef);
      return { kind: 'ended', returncode, outOfMemory: false };
    } catch (error) {
      if (!isNotFound(error)) throw error;
      this.forget(providerRef);
      return { kind: 'not_found' };
    }
  }

  /** A look at the sandbox that gives up soon: null when it cannot be had. */
  private async pollBriefly(providerRef: string): Promise<ProviderState | null> {
    try {
      return await withinDeadline(AbortSignal.timeout(EXPLAIN_DEADLINE_MS), 'inspect', () => this.poll(providerRef));
    } catch (error) {
      this.settings.logger.warn(
        { providerRef, error: String(error) },
        'the state of a sandbox could not be read after a failed command',
      );
      return null;
    }
  }

  /** Modal answers a command in an ended sandbox in several ways; only the state of the sandbox says what happened. */
  private async explainExecFailure(providerRef: string, error: unknown): Promise<ProviderError> {
    const failure = toProviderError(error, 'exec');
    if (error instanceof ProviderError || failure.kind === 'invalid') return failure;
    const state = await this.pollBriefly(providerRef);
    if (state?.kind === 'ended' || state?.kind === 'not_found')
      return new ProviderError('gone', 'the sandbox has ended', { cause: error });
    // The sandbox runs but its worker does not know the command: the kept connection is stale.
    this.handles.retire(providerRef);
    return failure.kind === 'not_found' ? new ProviderError('unavailable', failure.message, { cause: error }) : failure;
  }

  private async untilEnded(providerRef: string, signal: AbortSignal): Promise<void> {
    for (let waitMs = FIRST_TERMINATE_POLL_MS; ; waitMs = Math.min(waitMs * 2, MAX_TERMINATE_POLL_MS)) {
      const state = await withinDeadline(signal, 'terminate', () => this.poll(providerRef));
      if (state.kind !== 'running') return;
      await withinDeadline(signal, 'terminate', () => new Promise<void>((resolve) => setTimeout(resolve, waitMs)));
    }
  }

  private async listNow(installationId: string, signal: AbortSignal): Promise<readonly ListedSandbox[]> {
    const { appId } = await this.catalogue.app();
    const sandboxes: Sandbox[] = [];
    for await (const sandbox of this.client.sandboxes.list({ appId, tags: { [INSTALLATION_TAG]: installationId } })) {
      if (signal.aborted) return [];
      sandboxes.push(sandbox);
    }
    const listed = await mapConcurrently(sandboxes, TAG_QUERIES_AT_ONCE, async (sandbox): Promise<ListedSandbox | null> => {
      if (signal.aborted) return null;
      const sandboxId = await this.sandboxIdOf(sandbox);
      return sandboxId === undefined ? null : { providerRef: sandbox.sandboxId, sandboxId, createdAt: null };
    });
    return listed.filter((entry) => entry !== null);
  }

  /** Null for a sandbox without our tag, undefined for one that has ended since it was listed. */
  private async sandboxIdOf(sandbox: Sandbox): Promise<string | null | undefined> {
    const known = this.sandboxIds.get(sandbox.sandboxId);
    if (known !== undefined) return known;
    try {
      const tags = await sandbox.getTags();
      const sandboxId = tags[SANDBOX_TAG] ?? null;
      this.rememberTags(sandbox.sandboxId, sandboxId);
      return sandboxId;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  private rememberTags(providerRef: string, sandboxId: string | null): void {
    this.sandboxIds.set(providerRef, sandboxId);
    const [oldest] = this.sandboxIds.keys();
    if (this.sandboxIds.size > REMEMBERED_TAGS && oldest !== undefined) this.sandboxIds.delete(oldest);
  }

  private forget(providerRef: string): void {
    this.handles.retire(providerRef);
    this.sandboxIds.delete(providerRef);
  }
}
