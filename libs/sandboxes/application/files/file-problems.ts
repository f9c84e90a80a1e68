import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import { ProviderError } from '../ports/provider';
import type { FileProblem } from '../ports/provider-files';

/** Every code that the file system of a sandbox can lead to. */
export const FILE_ERRORS = ['file_not_found', 'file_conflict', 'file_forbidden', 'file_too_large', 'sandbox_full'] as const;

/** What a file system says of a call, as its buyer sees it; any other error stays as it is. */
export function toFileError(error: unknown): unknown {
  const cause = error instanceof TollboxError ? error.cause : error;
  return cause instanceof ProviderError && cause.problem !== undefined ? fileErrorOf(cause.problem, cause) : error;
}

function fileErrorOf(problem: FileProblem, cause: ProviderError): TollboxError {
  const conflict = (message: string) => new TollboxError('file_conflict', { message, cause });
  switch (problem) {
    case 'not_found':
      return new TollboxError('file_not_found', { cause });
    case 'is_directory':
      return conflict('The path names a directory.');
    case 'not_directory':
      return conflict('A part of the path is no directory.');
    case 'already_exists':
      return conflict('There is something at this path already.');
    case 'directory_not_empty':
      return conflict('The directory is not empty.');
    case 'invalid_path':
      return conflict('The file system of the sandbox does not take this path.');
    case 'not_supported':
      return conflict('The file system of the sandbox cannot do this at this path.');
    case 'permission_denied':
      return new TollboxError('file_forbidden', { cause });
    case 'too_large':
      return new TollboxError('file_too_large', { cause });
    case 'no_space':
      return new TollboxError('sandbox_full', { cause });
  }
}
