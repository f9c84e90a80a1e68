import { type ExecOptions, ProviderError, type ProviderHandle, type ProviderProcess } from '../../../application/ports/provider';
import { FILE_PROBLEMS, type FileEntry, type ProviderFiles, type WriteOptions } from '../../../application/ports/provider-files';
import { AGENT_PATH } from '../container-options';
import { checkDeadline } from '../deadline';
import { parseEntries } from './file-entries';
import { AgentProtocolError } from './frames';
import { FramedContent } from './framed-content';

/** The caller's own deadline is shorter; this ends an operation whose caller has gone. */
const OPERATION_LIMIT_MS = 600_000;
const FIRST_PROBLEM_CODE = 10;
const MAX_MESSAGE_BYTES = 2_048;
const MAX_LIST_BYTES = 32 * 1024 * 1024;
const MAX_PATH_BYTES = 4_095;
const DEFAULT_MODE = 0o644;

type Exec = (
  handle: ProviderHandle,
  argv: readonly string[],
  options: ExecOptions,
  signal: AbortSignal,
) => Promise<ProviderProcess>;

/** Files of a sandbox: each operation is one command of the agent's program, which works with the rights of any command. */
export class ContainerFiles implements ProviderFiles {
  constructor(private readonly exec: Exec) {}

  async read(
    handle: ProviderHandle,
    path: string,
    { offsetBytes, maxBytes }: { readonly offsetBytes: number; readonly maxBytes: number },
    signal: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>> {
    return opened(await this.start(handle, ['read', path, String(offsetBytes), String(maxBytes)], [path], signal), maxBytes);
  }

  async write(
    handle: ProviderHandle,
    path: string,
    content: AsyncIterable<Uint8Array>,
    { mode = DEFAULT_MODE }: WriteOptions,
    signal: AbortSignal,
  ): Promise<{ readonly sizeBytes: number }> {
    const framed = new FramedContent(content);
    await this.send(handle, ['write', path, String(mode & 0o777)], path, framed, signal);
    return { sizeBytes: framed.sizeBytes };
  }

  async list(handle: ProviderHandle, path: string, signal: AbortSignal): Promise<readonly FileEntry[]> {
    const entries = await this.entries(handle, ['list', path], path, signal);
    return entries.sort((one, other) => (one.name < other.name ? -1 : 1));
  }

  async stat(handle: ProviderHandle, path: string, signal: AbortSignal): Promise<FileEntry> {
    const [entry, ...others] = await this.entries(handle, ['stat', path], null, signal, path);
    if (entry === undefined || others.length > 0) throw unbelievable(new AgentProtocolError('a stat of not one file'));
    return entry;
  }

  async makeDirectory(
    handle: ProviderHandle,
    path: string,
    options: { readonly parents: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    await this.run(handle, ['mkdir', path, ...(options.parents ? ['parents'] : [])], [path], signal);
  }

  async remove(
    handle: ProviderHandle,
    path: string,
    options: { readonly recursive: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    await this.run(handle, ['remove', path, ...(options.recursive ? ['recursive'] : [])], [path], signal);
  }

  async move(handle: ProviderHandle, from: string, to: string, signal: AbortSignal): Promise<void> {
    await this.run(handle, ['move', from, to], [from, to], signal);
  }

  async readTar(handle: ProviderHandle, path: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    return opened(await this.start(handle, ['tar-read', path], [path], signal), Number.POSITIVE_INFINITY);
  }

  async writeTar(handle: ProviderHandle, path: string, tar: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    await this.send(handle, ['tar-write', path], path, new FramedContent(tar), signal);
  }

  private async start(
    handle: ProviderHandle,
    argv: readonly string[],
    paths: readonly string[],
    signal: AbortSignal,
    stdin?: AsyncIterable<Uint8Array>,
  ): Promise<ProviderProcess> {
    checkDeadline(signal, 'file');
    for (const path of paths) checkPath(path);
    const options = { timeoutMs: OPERATION_LIMIT_MS, ...(stdin === undefined ? {} : { stdin }) };
    return this.exec(handle, [AGENT_PATH, 'file', ...argv], options, signal);
  }

  private async run(
    handle: ProviderHandle,
    argv: readonly string[],
    paths: readonly string[],
    signal: AbortSignal,
    stdin?: AsyncIterable<Uint8Array>,
  ): Promise<Buffer> {
    const process = await this.start(handle, argv, paths, signal, stdin);
    const [stdout] = await Promise.all([collected(process.stdout, MAX_LIST_BYTES), succeeded(process)]);
    return stdout;
  }

  /** What failed first counts: content that could not be read is the caller's own error. */
  private async send(
    handle: ProviderHandle,
    argv: readonly string[],
    path: string,
    content: FramedContent,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      await this.run(handle, argv, [path], signal, content);
    } catch (error) {
      throw content.hasFailed ? content.failure : error;
    }
  }

  private async entries(
    handle: ProviderHandle,
    argv: readonly string[],
    directory: string | null,
    signal: AbortSignal,
    path = directory ?? '',
  ): Promise<FileEntry[]> {
    const answer = await this.run(handle, argv, [path], signal);
    try {
      return parseEntries(answer, directory);
    } catch (error) {
      throw unbelievable(error);
    }
  }
}

function checkPath(path: string): void {
  if (path.startsWith('/') && !path.includes('\0') && Buffer.byteLength(path) <= MAX_PATH_BYTES) return;
  throw new ProviderError('invalid', 'a path is absolute and has at most 4,095 bytes', { problem: 'invalid_path' });
}

const unbelievable = (cause: unknown): ProviderError =>
  new ProviderError('internal', 'the agent of the sandbox gave an answer that is none', { cause });

async function collected(stream: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    if (bytes <= maxBytes) chunks.push(chunk);
  }
  if (bytes > maxBytes) throw new ProviderError('invalid', 'the directory has too many entries', { problem: 'too_large' });
  return Buffer.concat(chunks);
}

async function message(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    if (bytes < MAX_MESSAGE_BYTES) chunks.push(chunk.subarray(0, MAX_MESSAGE_BYTES - bytes));
    bytes += chunk.length;
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** @throws ProviderError `invalid` with what the file system says */
async function succeeded(process: ProviderProcess): Promise<void> {
  const [text, { returncode, timedOut }] = await Promise.all([message(process.stderr), process.exit]);
  if (returncode === 0) return;
  if (timedOut) throw new ProviderError('timeout', 'the file operation took too long');
  const problem = FILE_PROBLEMS[returncode - FIRST_PROBLEM_CODE];
  if (problem !== undefined) throw new ProviderError('invalid', text === '' ? problem : text, { problem });
  throw new ProviderError('internal', `the file operation failed with ${returncode}: ${text}`);
}

/** Content whose start is there, so that a file that cannot be read is an error and not a stream. */
async function opened(process: ProviderProcess, maxBytes: number): Promise<AsyncIterable<Uint8Array>> {
  const source = process.stdout[Symbol.asyncIterator]();
  const done = succeeded(process);
  done.catch(() => undefined); // it is waited for at the end of the content
  const first = await source.next();
  if (first.done === true) await done;
  return content(process, source, first, done, maxBytes);
}

async function* content(
  process: ProviderProcess,
  source: AsyncIterator<Uint8Array>,
  first: IteratorResult<Uint8Array>,
  done: Promise<void>,
  maxBytes: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let bytes = 0;
  let isComplete = false;
  try {
    for (let piece = first; piece.done !== true; piece = await source.next()) {
      bytes += piece.value.length;
      if (bytes > maxBytes) throw unbelievable(new AgentProtocolError('more content than was asked for'));
      yield piece.value;
    }
    isComplete = true;
    await done;
  } finally {
    if (!isComplete) {
      await source.return?.();
      await process.signal?.('SIGKILL');
    }
  }
}
