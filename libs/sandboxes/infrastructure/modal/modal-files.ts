import { z } from 'zod';
import { type ExecOptions, ProviderError, type ProviderHandle, type ProviderProcess } from '../../application/ports/provider';
import { FILE_PROBLEMS, type FileEntry, type ProviderFiles, type WriteOptions } from '../../application/ports/provider-files';
import { FILE_TOOL, FIRST_PROBLEM_CODE } from './file-tool';

/** The caller's own deadline is shorter; this ends an operation whose caller has gone. */
const OPERATION_LIMIT_MS = 600_000;
const MAX_MESSAGE_BYTES = 2_048;
const MAX_LIST_BYTES = 32 << 20;
const MAX_PATH_BYTES = 4_095;
const DEFAULT_MODE = 0o644;
const LENGTH_BYTES = 4;

const entries = z.array(
  z.object({
    name: z.string(),
    path: z.string(),
    type: z.enum(['file', 'directory', 'symlink', 'other']),
    sizeBytes: z.number(),
    mode: z.number(),
    owner: z.string(),
    group: z.string(),
    modifiedAtMs: z.number(),
    symlinkTarget: z.string().nullable(),
  }),
);

type Exec = (
  handle: ProviderHandle,
  argv: readonly string[],
  options: ExecOptions,
  signal: AbortSignal,
) => Promise<ProviderProcess>;

/**
 * Files of a sandbox on Modal, by a tool that runs as a command in it. Modal's own file tool neither writes a file as a whole
 * or not at all, nor streams, nor keeps a tar in its directory.
 */
export class ModalFiles implements ProviderFiles {
  constructor(private readonly exec: Exec) {}

  async read(
    handle: ProviderHandle,
    path: string,
    { offsetBytes, maxBytes }: { readonly offsetBytes: number; readonly maxBytes: number },
    signal: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>> {
    return opened(await this.start(handle, ['read', path, String(offsetBytes), String(maxBytes)], [path], signal));
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
    return entriesOf(await this.run(handle, ['list', path], [path], signal));
  }

  async stat(handle: ProviderHandle, path: string, signal: AbortSignal): Promise<FileEntry> {
    const [entry] = entriesOf(await this.run(handle, ['stat', path], [path], signal));
    if (entry === undefined) throw new ProviderError('internal', 'the file tool of the sandbox gave no entry');
    return entry;
  }

  async makeDirectory(
    handle: ProviderHandle,
    path: string,
    { parents }: { readonly parents: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    await this.run(handle, ['mkdir', path, parents ? 'parents' : ''], [path], signal);
  }

  async remove(
    handle: ProviderHandle,
    path: string,
    { recursive }: { readonly recursive: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    await this.run(handle, ['remove', path, recursive ? 'recursive' : ''], [path], signal);
  }

  async move(handle: ProviderHandle, from: string, to: string, signal: AbortSignal): Promise<void> {
    await this.run(handle, ['move', from, to], [from, to], signal);
  }

  async readTar(handle: ProviderHandle, path: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    return opened(await this.start(handle, ['tar-read', path], [path], signal));
  }

  async writeTar(handle: ProviderHandle, path: string, tar: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    await this.send(handle, ['tar-write', path], path, new FramedContent(tar), signal);
  }

  private start(
    handle: ProviderHandle,
    argv: readonly string[],
    paths: readonly string[],
    signal: AbortSignal,
    stdin?: AsyncIterable<Uint8Array>,
  ): Promise<ProviderProcess> {
    for (const path of paths) checkPath(path);
    const options = { timeoutMs: OPERATION_LIMIT_MS, ...(stdin === undefined ? {} : { stdin }) };
    return this.exec(handle, ['python3', '-c', FILE_TOOL, ...argv], options, signal);
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
      throw content.failure ?? error;
    }
    if (content.failure !== undefined) throw content.failure;
  }
}

/** Content in pieces with their lengths and an end, so that the tool tells the whole of it from a part. */
class FramedContent implements AsyncIterable<Uint8Array> {
  sizeBytes = 0;
  failure: Error | undefined;

  constructor(private readonly content: AsyncIterable<Uint8Array>) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for await (const piece of this.content) {
        if (piece.length === 0) continue;
        this.sizeBytes += piece.length;
        yield Buffer.concat([lengthOf(piece), piece]);
      }
    } catch (error) {
      this.failure = error instanceof Error ? error : new Error('the content failed', { cause: error });
      return;
    }
    yield Buffer.alloc(LENGTH_BYTES);
  }
}

function lengthOf(piece: Uint8Array): Buffer {
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(piece.length);
  return length;
}

function checkPath(path: string): void {
  if (path.startsWith('/') && !path.includes('\0') && Buffer.byteLength(path) <= MAX_PATH_BYTES) return;
  throw new ProviderError('invalid', 'a path is absolute and has at most 4,095 bytes', { problem: 'invalid_path' });
}

function entriesOf(answer: Buffer): FileEntry[] {
  try {
    return entries
      .parse(JSON.parse(answer.toString('utf8')))
      .map(({ modifiedAtMs, ...entry }) => ({ ...entry, modifiedAt: new Date(modifiedAtMs) }));
  } catch (error) {
    throw new ProviderError('internal', 'the file tool of the sandbox gave an answer that is none', { cause: error });
  }
}

/** The beginning of a stream that is read to its end; more than `maxBytes` is an error. */
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

/** @throws ProviderError `invalid` with what the file system says */
async function succeeded(process: ProviderProcess): Promise<void> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of process.stderr) {
    if (bytes < MAX_MESSAGE_BYTES) chunks.push(chunk.subarray(0, MAX_MESSAGE_BYTES - bytes));
    bytes += chunk.length;
  }
  const { returncode, timedOut } = await process.exit;
  if (returncode === 0) return;
  if (timedOut) throw new ProviderError('timeout', 'the file operation took too long');
  const text = Buffer.concat(chunks).toString('utf8');
  const problem = FILE_PROBLEMS[returncode - FIRST_PROBLEM_CODE];
  if (problem === undefined) throw new ProviderError('internal', `the file operation failed with ${returncode}: ${text}`);
  throw new ProviderError('invalid', text === '' ? problem : text, { problem });
}

/** Content whose start is there, so that a file that cannot be read is an error and not a stream. */
async function opened(process: ProviderProcess): Promise<AsyncIterable<Uint8Array>> {
  const source = process.stdout[Symbol.asyncIterator]();
  const done = succeeded(process);
  done.catch(() => undefined); // it is waited for at the end of the content
  const first = await source.next();
  if (first.done === true) await done;
  return (async function* () {
    for (let piece = first; piece.done !== true; piece = await source.next()) yield piece.value;
    await done;
  })();
}
