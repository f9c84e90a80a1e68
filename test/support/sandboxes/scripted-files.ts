import { ProviderError, type ProviderCapabilities, type ProviderHandle } from '@tollbox/sandboxes/application/ports/provider';
import type { FileEntry, FileProblem, ProviderFiles } from '@tollbox/sandboxes/application/ports/provider-files';
import { ScriptedProvider } from './scripted-provider';

const refused = (problem: FileProblem): ProviderError => new ProviderError('invalid', problem, { problem });

async function collected(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* pieces(bytes: Uint8Array, sizeBytes = 7): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += sizeBytes)
    yield await Promise.resolve(bytes.subarray(start, start + sizeBytes));
}

/** Files in memory, without directories. */
export class ScriptedFiles implements ProviderFiles {
  readonly content = new Map<string, Buffer>();
  /** Before the work of every method. */
  before: () => Promise<void> | void = () => undefined;
  /** After the work of a change and before its answer. */
  after: () => Promise<void> | void = () => undefined;

  async read(
    _handle: ProviderHandle,
    path: string,
    { offsetBytes, maxBytes }: { readonly offsetBytes: number; readonly maxBytes: number },
  ): Promise<AsyncIterable<Uint8Array>> {
    await this.before();
    return pieces(this.at(path).subarray(offsetBytes, offsetBytes + maxBytes));
  }

  async write(
    _handle: ProviderHandle,
    path: string,
    content: AsyncIterable<Uint8Array>,
  ): Promise<{ readonly sizeBytes: number }> {
    await this.before();
    const bytes = await collected(content);
    this.content.set(path, bytes);
    await this.after();
    return { sizeBytes: bytes.length };
  }

  async list(): Promise<readonly FileEntry[]> {
    await this.before();
    return [...this.content.keys()].map((path) => this.entry(path));
  }

  async stat(_handle: ProviderHandle, path: string): Promise<FileEntry> {
    await this.before();
    return this.entry(path);
  }

  async makeDirectory(_handle: ProviderHandle, path: string): Promise<void> {
    await this.before();
    if (this.content.has(path)) throw refused('already_exists');
    await this.after();
  }

  async remove(_handle: ProviderHandle, path: string): Promise<void> {
    await this.before();
    this.at(path);
    this.content.delete(path);
    await this.after();
  }

  async move(_handle: ProviderHandle, from: string, to: string): Promise<void> {
    await this.before();
    this.content.set(to, this.at(from));
    this.content.delete(from);
    await this.after();
  }

  async readTar(): Promise<AsyncIterable<Uint8Array>> {
    await this.before();
    return pieces(Buffer.concat([...this.content.values()]));
  }

  async writeTar(_handle: ProviderHandle, path: string, tar: AsyncIterable<Uint8Array>): Promise<void> {
    await this.before();
    this.content.set(`${path}/tar`, await collected(tar));
    await this.after();
  }

  private at(path: string): Buffer {
    const bytes = this.content.get(path);
    if (bytes === undefined) throw refused('not_found');
    return bytes;
  }

  private entry(path: string): FileEntry {
    const facts = { type: 'file', mode: 0o644, owner: 'root', group: 'root', symlinkTarget: null } as const;
    return { name: path.slice(1), path, sizeBytes: this.at(path).length, modifiedAt: new Date(0), ...facts };
  }
}

/** The scripted provider with the feature `files`. */
export class FilingProvider extends ScriptedProvider {
  readonly files = new ScriptedFiles();

  override capabilities(): ProviderCapabilities {
    return { ...super.capabilities(), features: new Set(['files'] as const) };
  }
}
