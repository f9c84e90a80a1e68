import type { ProviderHandle } from './provider-handle';

export type FileType = 'file' | 'directory' | 'symlink' | 'other';

export interface FileEntry {
  readonly name: string;
  /** Absolute path in the sandbox. */
  readonly path: string;
  readonly type: FileType;
  readonly sizeBytes: number;
  /** Permission bits, for example 0o644. */
  readonly mode: number;
  readonly owner: string;
  readonly group: string;
  readonly modifiedAt: Date;
  /** Where a symlink points, as it is written. */
  readonly symlinkTarget: string | null;
}

export interface WriteOptions {
  /** Permission bits; 0o644 when absent. */
  readonly mode?: number;
}

/**
 * Files inside a sandbox, by absolute path. The work is done inside the sandbox, so a path cannot leave it, whatever it
 * names. Rejects ProviderError `invalid` with the file system's own reason (`FileProblem`), `gone` when the sandbox ended.
 */
export interface ProviderFiles {
  /** The bytes of a file, from `offsetBytes` on, at most `maxBytes`. */
  read(
    handle: ProviderHandle,
    path: string,
    range: { readonly offsetBytes: number; readonly maxBytes: number },
    signal: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>>;
  /** Writes the file as a whole or not at all: readers see the old bytes or the new ones. */
  write(
    handle: ProviderHandle,
    path: string,
    content: AsyncIterable<Uint8Array>,
    options: WriteOptions,
    signal: AbortSignal,
  ): Promise<{ readonly sizeBytes: number }>;
  list(handle: ProviderHandle, path: string, signal: AbortSignal): Promise<readonly FileEntry[]>;
  stat(handle: ProviderHandle, path: string, signal: AbortSignal): Promise<FileEntry>;
  makeDirectory(handle: ProviderHandle, path: string, options: { readonly parents: boolean }, signal: AbortSignal): Promise<void>;
  remove(handle: ProviderHandle, path: string, options: { readonly recursive: boolean }, signal: AbortSignal): Promise<void>;
  move(handle: ProviderHandle, from: string, to: string, signal: AbortSignal): Promise<void>;
  /** A tar of the directory's content, with paths relative to it. */
  readTar(handle: ProviderHandle, path: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  /** Unpacks a tar into the directory, which is made when it is not there. No member is written outside of it. */
  writeTar(handle: ProviderHandle, path: string, tar: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void>;
}

export const FILE_PROBLEMS = [
  'not_found',
  'is_directory',
  'not_directory',
  'permission_denied',
  'already_exists',
  'directory_not_empty',
  'too_large',
  'no_space',
  'invalid_path',
  'not_supported',
] as const;
export type FileProblem = (typeof FILE_PROBLEMS)[number];
