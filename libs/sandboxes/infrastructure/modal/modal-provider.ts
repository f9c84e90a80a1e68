import { type App, type Image, ModalClient, type Sandbox, type SandboxCreateParams } from 'modal';
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
import { BuildLogs } from './build-logs';
import { CreateQueue } from './create-queue';
import { createParams, INSTALLATION_TAG, SANDBOX_TAG } from './create-params';
import { withinDeadline } from './deadline';
import { isNotFound, toCreateError, toProviderError } from './errors';
import { ModalCatalogue } from './modal-catalogue';
import { ModalCommands } from './modal-commands';
import { ModalFiles } from './modal-files';
import { ModalSnapshots } from './modal-snapshots';
import { PreparedImages } from './prepared-images';
import { SandboxAccess } from './sandbox-access';
import { type ModalLogger, type ModalProviderOptions, modalSettings, type ModalSettings } from './settings';

const FIRST_TERMINATE_POLL_MS = 20;
const MAX_TERMINATE_POLL_MS = 1_000;
const TAG_QUERIES_AT_ONCE = 8;

const FEATURES: ReadonlySet<ProviderFeature> = new Set([
  'exec_env',
  'exec_workdir',
  'exec_stdin',
  'pty',
  'network_none',
  'network_public',
  'network_cidrs',
  'network_domains',
  'idle_timeout',
  'setup_commands',
  'files',
  'snapshots',
  'gpu',
]);

/**
 * Sandboxes on Modal, through its SDK. `MODAL_SERVER_URL` in the environment addresses another control plane.
 * @throws ProviderError `misconfigured` that lists every problem of the options.
 */
export function createModalProvider(options: ModalProviderOptions): ModalProvider {
  const settings = modalSettings(options, process.env['MODAL_SERVER_URL']);
  const logs = new BuildLogs();
  return new ModalProvider(settings, connect(settings, logs), logs);
}

function connect(settings: ModalSettings, logs: BuildLogs): ModalClient {
  return new ModalClient({
    tokenId: settings.tokenId,
    tokenSecret: settings.tokenSecret,
    maxThrottleWaitSecs: settings.maxThrottleWaitS,
    logger: sdkLogger(settings.logger),
    grpcMiddleware: [logs.middleware()],
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
  readonly files: ModalFiles;
  readonly snapshots: ModalSnapshots;
  private readonly access: SandboxAccess;
  private readonly commands: ModalCommands;
  private readonly catalogue: ModalCatalogue;
  private readonly prepared: PreparedImages;
  private readonly queue: CreateQueue;
  private readonly cleanups = new Set<Promise<void>>();

  constructor(
    private readonly settings: ModalSettings,
    private readonly client: ModalClient,
    logs: BuildLogs,
  ) {
    this.prepared = new PreparedImages(logs);
    this.catalogue = new ModalCatalogue(client, settings.appName);
    this.queue = new CreateQueue(settings.pace, {
      intervalMs: 1_000 / settings.createsPerSecond,
      maxLength: settings.createQueueLength,
      maxWaitMs: settings.createMaxWaitMs,
    });
    this.access = new SandboxAccess(client, settings);
    this.commands = new ModalCommands(client, this.access, settings);
    this.files = new ModalFiles((handle, argv, options, signal) => this.exec(handle, argv, options, signal));
    this.snapshots = new ModalSnapshots(client, this.access, settings.logger);
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
      () => this.createNow(reference, params, spec, signal),
      (late) => this.removeLateSandbox(spec.sandboxId, late),
    );
    this.access.add(sandbox, spec.sandboxId);
    return { providerRef: sandbox.sandboxId, imageDigest: /@(sha256:[0-9a-f]{64})$/.exec(reference)?.[1] ?? null };
  }

  exec(handle: ProviderHandle, argv: readonly string[], options: ExecOptions, signal: AbortSignal): Promise<ProviderProcess> {
    return this.commands.start(handle, argv, options, signal);
  }

  async inspect(handle: ProviderHandle, signal: AbortSignal): Promise<ProviderState> {
    try {
      return await withinDeadline(signal, 'inspect', () => this.access.poll(handle.providerRef));
    } catch (error) {
      throw toProviderError(error, 'inspect');
    }
  }

  async terminate(handle: ProviderHandle, signal: AbortSignal): Promise<void> {
    try {
      await withinDeadline(signal, 'terminate', () =>
        this.access.withHandle(handle.providerRef, (sandbox) => sandbox.terminate()),
      );
      await this.untilEnded(handle.providerRef, signal);
    } catch (error) {
      if (!isNotFound(error)) throw toProviderError(error, 'terminate');
    }
    this.access.forget(handle.providerRef);
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
    this.queue.close();
    if (this.cleanups.size > 0) {
      let timer: NodeJS.Timeout | undefined;
      const grace = new Promise<void>((resolve) => (timer = setTimeout(resolve, this.settings.closeGraceMs)));
      await Promise.race([Promise.all(this.cleanups), grace]);
      clearTimeout(timer);
    }
    this.access.close();
    this.client.close();
  }

  private imageReference(image: string): string {
    if (!this.settings.images.includes(image)) throw new ProviderError('invalid', `the image ${image} is not sold`);
    return this.settings.imageReferences[image] ?? image;
  }

  private async createNow(
    reference: string,
    params: SandboxCreateParams,
    spec: SandboxSpec,
    signal: AbortSignal,
  ): Promise<Sandbox> {
    const { env, owner = '' } = spec;
    try {
      // An ephemeral secret of this one sandbox: Modal keeps its values out of what it shows of the sandbox.
      const secrets = env === undefined ? [] : [await this.client.secrets.fromObject({ ...env })];
      const app = await this.catalogue.app();
      const image = await this.imageOf(app, reference, spec);
      await this.queue.turn(owner, signal);
      // The caller has left while the image was built: nothing has been created, and nothing will be.
      if (signal.aborted)
        throw new ProviderError('timeout', 'Modal create: the deadline passed before the sandbox was asked for');
      return await this.client.sandboxes.create(app, image, { ...params, secrets });
    } catch (error) {
      if (!isNotFound(error)) throw await this.createFailure(error);
      this.catalogue.forget(reference);
      this.prepared.forgetAll();
      throw new ProviderError('unavailable', 'Modal create: the app or the image had been deleted and will be made anew', {
        cause: error,
      });
    }
  }

  private async imageOf(app: App, reference: string, spec: SandboxSpec): Promise<Image> {
    const { snapshotRef, setupCommands = [], owner = '' } = spec;
    const base = await (snapshotRef === undefined
      ? this.catalogue.image(app, reference)
      : this.client.images.fromId(snapshotRef));
    return setupCommands.length === 0 ? base : this.prepared.image(app, base, { owner, commands: setupCommands });
  }

  private async createFailure(error: unknown): Promise<ProviderError> {
    const failure = toCreateError(error);
    const isModalsLimit = failure.kind === 'rate_limited' && !(error instanceof ProviderError);
    if (isModalsLimit) await this.settings.pace.holdOff(failure.retryAfterMs ?? 0);
    return failure;
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

  private async untilEnded(providerRef: string, signal: AbortSignal): Promise<void> {
    for (let waitMs = FIRST_TERMINATE_POLL_MS; ; waitMs = Math.min(waitMs * 2, MAX_TERMINATE_POLL_MS)) {
      const state = await withinDeadline(signal, 'terminate', () => this.access.poll(providerRef));
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
    const known = this.access.knownId(sandbox.sandboxId);
    if (known !== undefined) return known;
    try {
      const tags = await sandbox.getTags();
      const sandboxId = tags[SANDBOX_TAG] ?? null;
      this.access.rememberId(sandbox.sandboxId, sandboxId);
      return sandboxId;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }
}
