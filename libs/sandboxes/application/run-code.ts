import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import type { PhaseObserver } from '@tollbox/platform/faults/phase-boundaries';
import type { Sandbox } from '../domain/sandbox';
import { argvOf, runAnswer, runExecutionId, runOrderOf, type RunAnswer, type RunBody, type RunFile } from '../domain/run';
import type { CreateSandbox } from './create-sandbox';
import type { EndSandbox } from './end-sandbox';
import { collectProcess } from './output-collector';
import { ProviderError, type ExecOptions, type ProviderHandle } from './ports/provider';
import type { ProviderFiles } from './ports/provider-files';
import type { SandboxStore } from './ports/sandbox-store';
import type { ProviderCalls } from './provider-calls';
import { toBuyerError } from './provider-failure';
import type { RecordedExecution } from './recorded-execution';
import { driveIfPossible } from './settle-creation';
import type { SandboxSettings } from './settings';

export interface RunCall {
  readonly owner: string;
  readonly operationId: string;
  readonly body: RunBody;
}

/**
 * One program in a sandbox of its own: create, files in, run, files out, end. The sandbox carries the operation's id and
 * ends whatever happens; the program's own record carries an id that follows from it.
 */
export class RunCode {
  constructor(
    private readonly store: SandboxStore,
    private readonly creation: CreateSandbox,
    private readonly executions: RecordedExecution,
    private readonly provider: ProviderCalls,
    private readonly ender: EndSandbox,
    private readonly settings: SandboxSettings,
    private readonly phases: PhaseObserver,
  ) {}

  /** @throws TollboxError; nothing stays behind, and the operation counts as not done */
  async execute({ owner, operationId, body }: RunCall): Promise<RunAnswer> {
    const order = runOrderOf(body, this.settings.runOverheadMs);
    const { sandbox_id: sandboxId } = await this.creation.execute({ owner, operationId, order });
    try {
      return await this.runIn(sandboxId, { owner, operationId, body });
    } finally {
      const by = { actor: owner, operationId };
      await this.store.requestEnd(sandboxId, 'requested', by);
      await driveIfPossible(this.ender, sandboxId, by);
    }
  }

  private async runIn(sandboxId: string, { owner, operationId, body }: RunCall): Promise<RunAnswer> {
    const sandbox = await this.store.find(sandboxId);
    if (sandbox === null) throw new Error(`sandbox ${sandboxId} was created and has no row`);
    await this.writeFiles(sandbox, body.files);
    const argv = argvOf(body);
    const timeoutMs = body.timeout * 1_000;
    const command = { owner, operationId: runExecutionId(operationId), sandboxId, argv, timeoutMs };
    const result = await this.executions.run(sandbox, command, () => {
      const running = this.provider.exec(sandbox, argv, { timeoutMs, ...inputOf(body) }, (process) =>
        collectProcess(process, this.settings.maxOutputBytes),
      );
      this.phases.reached('operation_running');
      return running;
    });
    return runAnswer(sandboxId, result, await this.readFiles(sandbox, body.outputs));
  }

  private async writeFiles(sandbox: Sandbox, files: RunBody['files']): Promise<void> {
    if (files.length === 0) return;
    try {
      await this.provider.files(sandbox, this.settings.runFilesDeadlineMs, async (port, handle, signal) => {
        for (const { path, content } of files) {
          const directory = parentOf(path);
          if (directory !== '/') await port.makeDirectory(handle, directory, { parents: true }, signal);
          await port.write(handle, path, oneChunk(Buffer.from(content, 'base64')), {}, signal);
        }
      });
    } catch (error) {
      throw fileRefusal(error);
    }
  }

  /** A file that is not there or too large is said so in the answer: the program has run. */
  private async readFiles(sandbox: Sandbox, paths: readonly string[]): Promise<RunFile[]> {
    if (paths.length === 0) return [];
    const files: RunFile[] = [];
    let leftBytes = this.settings.runMaxFileBytes;
    try {
      await this.provider.files(sandbox, this.settings.runFilesDeadlineMs, async (port, handle, signal) => {
        for (const path of paths) {
          const file = await readFile(port, handle, path, leftBytes, signal);
          leftBytes -= file.size_bytes ?? 0;
          files.push(file);
        }
      });
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      for (const path of paths.slice(files.length)) files.push(unread(path, error.kind));
    }
    return files;
  }
}

/** The input of the program; what is absent is left out, so that a provider without the feature is not asked for it. */
function inputOf({ env, workdir, stdin }: RunBody): Partial<ExecOptions> {
  return {
    ...(env === undefined ? {} : { env }),
    ...(workdir === undefined ? {} : { workdir }),
    ...(stdin === undefined ? {} : { stdin: oneChunk(Buffer.from(stdin)) }),
  };
}

async function* oneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield await Promise.resolve(bytes);
}

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('/')) || '/';
const unread = (path: string, error: string): RunFile => ({ path, content: null, size_bytes: null, error });

async function readFile(
  port: ProviderFiles,
  handle: ProviderHandle,
  path: string,
  maxBytes: number,
  signal: AbortSignal,
): Promise<RunFile> {
  try {
    const { sizeBytes, type } = await port.stat(handle, path, signal);
    if (type !== 'file') return unread(path, type === 'directory' ? 'is_directory' : 'not_supported');
    if (sizeBytes > maxBytes) return { ...unread(path, 'too_large'), size_bytes: sizeBytes };
    const chunks: Uint8Array[] = [];
    for await (const chunk of await port.read(handle, path, { offsetBytes: 0, maxBytes }, signal)) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    return { path, content: bytes.toString('base64'), size_bytes: bytes.length, error: null };
  } catch (error) {
    if (error instanceof ProviderError && error.problem !== undefined) return unread(path, error.problem);
    throw error;
  }
}

/** A file that cannot be written is the buyer's own mistake; everything else is the provider's. */
function fileRefusal(error: unknown): unknown {
  if (!(error instanceof ProviderError) || error.problem === undefined) return toBuyerError(error);
  return new TollboxError('file_problem', { details: error.problem, cause: error });
}
