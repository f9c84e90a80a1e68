import { randomBytes } from 'node:crypto';
import { cpSync, mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ServerError, Status } from 'nice-grpc';
import { killByMarker, LocalProcess } from './local-process';
import {
  GenericStatus,
  type GenericResult,
  type SandboxCreateRequest,
  type SandboxDefinition,
  type SandboxListRequest,
  STDERR_PIPE,
  STDOUT_PIPE,
  type Tag,
  type TaskExecStartRequest,
} from './messages';
import { Wakeup } from './output-buffer';
import { Secrets } from './secrets';
import { terminalCommand } from './terminal';

const ENTRYPOINT = 'entrypoint';
const SANDBOX_VARIABLE = 'TOLLBOX_LOCAL_SANDBOX';
const MAX_LIFETIME_S = 24 * 3600;
const GPU_TYPES = new Set(['T4', 'L4', 'A10G', 'A100', 'A100-80GB', 'L40S', 'H100', 'H200', 'B200']);
const ID_ALPHABET = 'ABCDEFGHJKMNPQRSTVWXYZ0123456789';

export type Backend = 'v1' | 'v2';

interface RunOptions {
  readonly workdir: string | undefined;
  readonly timeoutMs: number | undefined;
  readonly keepStdout: boolean;
  readonly keepStderr: boolean;
  readonly variables: Readonly<Record<string, string>>;
}

/** One sandbox: a temporary directory, and the local processes that run in it. There is no isolation. */
export class LocalSandbox {
  readonly execs = new Map<string, LocalProcess>();
  readonly createdAtSeconds = Date.now() / 1000;
  readonly ended = new Wakeup();
  result: GenericResult | undefined;

  constructor(
    readonly id: string,
    readonly taskId: string,
    readonly backend: Backend,
    readonly appId: string,
    readonly definition: SandboxDefinition,
    readonly tags: readonly Tag[],
    readonly directory: string,
    readonly variables: Readonly<Record<string, string>>,
  ) {}

  /** Waits at most `seconds` for the end; the answer has no result when the sandbox still runs. */
  async waitForEnd(seconds: number, signal: AbortSignal): Promise<GenericResult | undefined> {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(Math.ceil(seconds * 1000))]);
    while (seconds > 0 && this.result === undefined && !limit.aborted) await this.ended.next(limit);
    return this.result;
  }
}

/** All sandboxes of the control plane. */
export class LocalSandboxes {
  private readonly byId = new Map<string, LocalSandbox>();
  private readonly byTask = new Map<string, LocalSandbox>();
  private readonly deadlines = new Map<string, NodeJS.Timeout>();
  private readonly idleTimers = new Map<string, NodeJS.Timeout>();
  readonly secrets = new Secrets();
  private readonly removals = new Set<Promise<void>>();

  constructor(
    private readonly root: string,
    private readonly binDirectory: string,
  ) {}

  /** @param files of the snapshot that it starts from */
  create(
    backend: Backend,
    appId: string,
    definition: SandboxDefinition,
    { tags, secretSources = [] }: SandboxCreateRequest,
    files: string | null,
  ): LocalSandbox {
    refuseWhatModalRefuses(backend, definition);
    const directory = mkdtempSync(join(this.root, 'sandbox-'));
    if (files !== null) cpSync(files, directory, { recursive: true, verbatimSymlinks: true });
    const sandbox = new LocalSandbox(
      newSandboxId(backend),
      `ta-${randomBytes(8).toString('hex')}`,
      backend,
      appId,
      definition,
      tags,
      directory,
      this.secrets.variables([...(definition.secretIds ?? []).map((secretId) => ({ secretId })), ...secretSources]),
    );
    this.byId.set(sandbox.id, sandbox);
    this.byTask.set(sandbox.taskId, sandbox);
    this.deadlines.set(
      sandbox.id,
      setTimeout(() => this.finish(sandbox, GenericStatus.timeout), definition.timeoutSecs * 1000),
    );
    if (definition.entrypointArgs.length > 0) this.runEntrypoint(sandbox);
    this.watchIdle(sandbox);
    return sandbox;
  }

  get(sandboxId: string): LocalSandbox {
    const sandbox = this.byId.get(sandboxId);
    if (sandbox === undefined) throw new ServerError(Status.NOT_FOUND, `Sandbox ${sandboxId} not found`);
    return sandbox;
  }

  runningTask(taskId: string): LocalSandbox {
    const sandbox = this.byTask.get(taskId);
    if (sandbox === undefined) throw new ServerError(Status.NOT_FOUND, `task ${taskId} not found`);
    if (sandbox.result !== undefined) throw new ServerError(Status.NOT_FOUND, `task ${taskId} is no longer running`);
    return sandbox;
  }

  /** The running sandboxes of an app that carry all the tags, newest first, as Modal lists them. */
  list(request: SandboxListRequest): readonly LocalSandbox[] {
    return [...this.byId.values()]
      .filter((sandbox) => sandbox.result === undefined)
      .filter((sandbox) => request.appId === '' || sandbox.appId === request.appId)
      .filter((sandbox) => request.beforeTimestamp === 0 || sandbox.createdAtSeconds < request.beforeTimestamp)
      .filter((sandbox) =>
        request.tags.every((wanted) =>
          sandbox.tags.some((tag) => tag.tagName === wanted.tagName && tag.tagValue === wanted.tagValue),
        ),
      )
      .sort((a, b) => b.createdAtSeconds - a.createdAtSeconds);
  }

  /** Starts a command; a repeated exec id is the same command. */
  startExec(request: TaskExecStartRequest): void {
    const sandbox = this.runningTask(request.taskId);
    if (sandbox.execs.has(request.execId)) return;
    const argv = request.ptyInfo === undefined ? request.commandArgs : terminalCommand(request.commandArgs, request.ptyInfo);
    const process = this.run(sandbox, argv, {
      workdir: request.workdir,
      timeoutMs: request.timeoutSecs === undefined ? undefined : request.timeoutSecs * 1000,
      keepStdout: request.stdoutConfig === STDOUT_PIPE,
      keepStderr: request.stderrConfig === STDERR_PIPE,
      variables: this.secrets.variables(request.secretSources),
    });
    sandbox.execs.set(request.execId, process);
    this.watchIdle(sandbox);
    void process.waitForExit(new AbortController().signal).then(() => this.watchIdle(sandbox));
  }

  exec(taskId: string, execId: string): LocalProcess {
    const process = this.byTask.get(taskId)?.execs.get(execId);
    if (process === undefined) throw new ServerError(Status.NOT_FOUND, `exec ${execId} not found`);
    return process;
  }

  finish(sandbox: LocalSandbox, status: GenericStatus, exitcode = 0): void {
    if (sandbox.result !== undefined) return;
    sandbox.result = { status, exitcode, exception: '' };
    clearTimeout(this.deadlines.get(sandbox.id));
    this.deadlines.delete(sandbox.id);
    clearTimeout(this.idleTimers.get(sandbox.id));
    this.idleTimers.delete(sandbox.id);
    for (const process of sandbox.execs.values()) process.kill();
    killByMarker(SANDBOX_VARIABLE, sandbox.id);
    const removal = rm(sandbox.directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 }).finally(() => {
      this.removals.delete(removal);
    });
    this.removals.add(removal);
    sandbox.ended.notify();
  }

  lose(sandboxId: string): void {
    const sandbox = this.get(sandboxId);
    this.finish(sandbox, GenericStatus.internalFailure);
    this.byId.delete(sandbox.id);
    this.byTask.delete(sandbox.taskId);
  }

  /** Ends every sandbox and resolves when their directories are gone. */
  async finishAll(): Promise<void> {
    for (const sandbox of this.byId.values()) this.finish(sandbox, GenericStatus.terminated);
    await Promise.all(this.removals);
  }

  /** Idle is a sandbox in which no command runs; its first process does not count. */
  private watchIdle(sandbox: LocalSandbox): void {
    clearTimeout(this.idleTimers.get(sandbox.id));
    const { idleTimeoutSecs } = sandbox.definition;
    const isBusy = [...sandbox.execs].some(([id, process]) => id !== ENTRYPOINT && process.exitStatus === undefined);
    if (idleTimeoutSecs === undefined || isBusy || sandbox.result !== undefined) return;
    const timer = setTimeout(() => this.finish(sandbox, GenericStatus.idleTimeout), idleTimeoutSecs * 1000);
    this.idleTimers.set(sandbox.id, timer);
  }

  private runEntrypoint(sandbox: LocalSandbox): void {
    const main = this.run(sandbox, sandbox.definition.entrypointArgs, {
      workdir: undefined,
      timeoutMs: undefined,
      keepStdout: false,
      keepStderr: false,
      variables: {},
    });
    sandbox.execs.set(ENTRYPOINT, main);
    void main.waitForExit(new AbortController().signal).then((exit) => {
      const code = exit?.code ?? 128 + (exit?.signal ?? 0);
      this.finish(sandbox, code === 0 ? GenericStatus.success : GenericStatus.failure, code);
    });
  }

  private run(sandbox: LocalSandbox, argv: readonly string[], options: RunOptions): LocalProcess {
    const workdir = options.workdir ?? sandbox.definition.workdir ?? sandbox.directory;
    try {
      return new LocalProcess({
        argv,
        // There is no other root directory: a path that a command has seen is one of this machine.
        cwd: workdir.startsWith(sandbox.directory) ? workdir : join(sandbox.directory, workdir),
        env: {
          PATH: `${this.binDirectory}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
          HOME: sandbox.directory,
          TMPDIR: sandbox.directory,
          LANG: 'C.UTF-8',
          ...sandbox.variables,
          ...options.variables,
          [SANDBOX_VARIABLE]: sandbox.id,
        },
        timeoutMs: options.timeoutMs,
        keepStdout: options.keepStdout,
        keepStderr: options.keepStderr,
      });
    } catch (error) {
      throw new ServerError(Status.INVALID_ARGUMENT, (error as Error).message);
    }
  }
}

function newSandboxId(backend: Backend): string {
  const length = backend === 'v2' ? 26 : 22;
  return `sb-${Array.from(randomBytes(length), (byte) => ID_ALPHABET[byte % ID_ALPHABET.length]).join('')}`;
}

/** What the client does not check and the service does. */
function refuseWhatModalRefuses(backend: Backend, definition: SandboxDefinition): void {
  const refuse = (details: string): never => {
    throw new ServerError(Status.INVALID_ARGUMENT, details);
  };
  if (definition.timeoutSecs < 1 || definition.timeoutSecs > MAX_LIFETIME_S)
    refuse(`Sandbox timeout must be between 1 and ${MAX_LIFETIME_S} seconds`);
  const gpuType = definition.resources?.gpuConfig?.gpuType ?? '';
  if (gpuType === '') return;
  if (backend === 'v2') refuse('GPU sandboxes are not supported by v1beta2; use the v1 API');
  if (!GPU_TYPES.has(gpuType)) refuse(`Unknown GPU type: ${gpuType}`);
}
