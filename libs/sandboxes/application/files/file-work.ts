import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import type { PhaseObserver } from '@tollbox/platform/faults/phase-boundaries';
import { createHash } from 'node:crypto';
import type { CapturedOutput, ExecutionResult } from '../../domain/sandbox';
import type { SandboxAccess } from '../access';
import type { ProviderHandle } from '../ports/provider';
import type { ProviderFiles, WriteOptions } from '../ports/provider-files';
import type { SandboxStore } from '../ports/sandbox-store';
import type { ProviderCalls } from '../provider-calls';
import type { RecordedExecution } from '../recorded-execution';
import { requireFeatures } from '../require-features';
import { toFileError } from './file-problems';
import type { FileSettings } from './file-settings';

export interface FileCall {
  readonly owner: string;
  readonly operationId: string;
  readonly sandboxId: string;
}

type Work<Result> = (files: ProviderFiles, handle: ProviderHandle, signal: AbortSignal) => Promise<Result>;

const NOTHING: CapturedOutput = capturedOf(new Uint8Array());

/**
 * The paid work on files. Each call is recorded as an execution, with the name of its operation and its paths as argv, and
 * counts as a command of the sandbox; of what was read its length and hash are kept.
 */
export class FileWork {
  constructor(
    private readonly executions: RecordedExecution,
    private readonly store: Pick<SandboxStore, 'failExecution'>,
    private readonly provider: ProviderCalls,
    private readonly access: SandboxAccess,
    private readonly settings: FileSettings,
    private readonly phases: PhaseObserver,
  ) {}

  /** @param limit most bytes; without it all the rest, which must fit into an answer */
  async read(call: FileCall, path: string, offsetBytes: number, limit?: number): Promise<Uint8Array> {
    const maxBytes = limit ?? this.settings.maxAnswerBytes + 1;
    return this.content(call, 'files.read', [path], (files, handle, signal) =>
      files.read(handle, path, { offsetBytes, maxBytes }, signal),
    );
  }

  async download(call: FileCall, path: string): Promise<Uint8Array> {
    return this.content(call, 'files.download', [path], (files, handle, signal) => files.readTar(handle, path, signal));
  }

  async write(call: FileCall, path: string, content: AsyncIterable<Uint8Array>, options: WriteOptions): Promise<void> {
    await this.effect(call, 'files.write', [path], async (files, handle, signal) => {
      await files.write(handle, path, content, options, signal);
    });
  }

  async upload(call: FileCall, path: string, tar: AsyncIterable<Uint8Array>): Promise<void> {
    await this.effect(call, 'files.upload', [path], (files, handle, signal) => files.writeTar(handle, path, tar, signal));
  }

  async makeDirectory(call: FileCall, path: string, parents: boolean): Promise<void> {
    await this.effect(call, 'files.mkdir', [path], (files, handle, signal) =>
      files.makeDirectory(handle, path, { parents }, signal),
    );
  }

  async remove(call: FileCall, path: string, recursive: boolean): Promise<void> {
    await this.effect(call, 'files.remove', [path], (files, handle, signal) => files.remove(handle, path, { recursive }, signal));
  }

  async move(call: FileCall, from: string, to: string): Promise<void> {
    await this.effect(call, 'files.move', [from, to], (files, handle, signal) => files.move(handle, from, to, signal));
  }

  private async effect(call: FileCall, operation: string, paths: readonly string[], work: Work<void>): Promise<void> {
    await this.run(call, operation, paths, async (...parts) => {
      await work(...parts);
      return { stdout: NOTHING };
    });
  }

  private async content(
    call: FileCall,
    operation: string,
    paths: readonly string[],
    work: Work<AsyncIterable<Uint8Array>>,
  ): Promise<Uint8Array> {
    const { bytes } = await this.run(call, operation, paths, async (...parts) => {
      const content = await boundedContent(await work(...parts), this.settings.maxAnswerBytes);
      return { stdout: { ...capturedOf(content), bytes: new Uint8Array(), truncated: content.length > 0 }, bytes: content };
    });
    return bytes;
  }

  private async run<Result extends { readonly stdout: CapturedOutput }>(
    call: FileCall,
    operation: string,
    paths: readonly string[],
    work: Work<Result>,
  ): Promise<Result & ExecutionResult> {
    requireFeatures(this.provider, [[true, 'files', 'files']]);
    const sandbox = await this.access.owned(call.owner, call.sandboxId, operation);
    const { deadlineMs: timeoutMs } = this.settings;
    const command = { ...call, operation, argv: [operation, ...paths], timeoutMs };
    try {
      return await this.executions.run(sandbox, command, async () => {
        const working = this.provider.files(sandbox, timeoutMs, work);
        this.phases.reached('operation_running');
        return { ...(await working), stderr: NOTHING, returncode: 0, timedOut: false };
      });
    } catch (error) {
      if (error instanceof TollboxError) await this.store.failExecution(call.operationId, error.code);
      throw toFileError(error);
    }
  }
}

function capturedOf(bytes: Uint8Array): CapturedOutput {
  return { bytes, totalBytes: bytes.length, truncated: false, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** @throws TollboxError `answer_too_large` as soon as it is certain */
async function boundedContent(stream: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of stream) {
    sizeBytes += chunk.length;
    if (sizeBytes > maxBytes) throw new TollboxError('answer_too_large', { details: `more than ${maxBytes} bytes` });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
