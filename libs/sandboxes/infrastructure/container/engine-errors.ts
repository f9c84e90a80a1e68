import { ProviderError, type ProviderErrorKind } from '../../application/ports/provider';

interface EngineFailure {
  readonly statusCode?: number;
  readonly code?: string;
  readonly name?: string;
  readonly message?: string;
  readonly json?: { readonly message?: unknown } | null;
}

const UNREACHABLE = new Set(['ECONNREFUSED', 'ENOENT', 'EACCES', 'ENOTFOUND', 'EHOSTUNREACH', 'ENETUNREACH', 'EAI_AGAIN']);
const BROKEN = new Set(['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ERR_STREAM_PREMATURE_CLOSE']);

const failureOf = (error: unknown): EngineFailure => (typeof error === 'object' && error !== null ? error : {});

/** The engine's own words. The client library puts a guess of its own before them, which says nothing. */
function engineText({ json, statusCode, message = '' }: EngineFailure): string {
  if (typeof json?.message === 'string') return json.message;
  return statusCode === undefined ? message : '';
}

/** The engine answered, and it says that it does not know the container or exec. Any other 404 (a proxy's, say) proves nothing. */
export function isUnknownContainer(error: unknown): boolean {
  const failure = failureOf(error);
  return (
    failure.statusCode === 404 && /no such container|no container with|no such exec|no exec session/i.test(engineText(failure))
  );
}

/** The engine answered that it does not know the image. */
export function isUnknownImage(error: unknown): boolean {
  const failure = failureOf(error);
  return failure.statusCode === 404 && /no such image|image not known|failed to find image/i.test(engineText(failure));
}

/** As isUnknownContainer, and Podman's words about an exec whose container is being removed at this moment. */
export function hasVanished(error: unknown): boolean {
  const failure = failureOf(error);
  return (
    isUnknownContainer(error) ||
    (failure.statusCode === 500 && /no such container|no such exec session/i.test(engineText(failure)))
  );
}

/** The engine answered that the container exists and does not run. Docker answers 409, Podman 500. */
export function isNotRunning(error: unknown): boolean {
  const failure = failureOf(error);
  const { statusCode } = failure;
  return (
    (statusCode === 409 || statusCode === 500) &&
    /is not running|on running containers|container state improper/i.test(engineText(failure))
  );
}

/** The connection broke after the request was sent: what the engine did is not known. */
export function isBrokenConnection(error: unknown): boolean {
  const { statusCode, code, message } = failureOf(error);
  return statusCode === undefined && (BROKEN.has(code ?? '') || message === 'socket hang up');
}

/** The runtime's words when it cannot start the command of an exec, as an exit code of a shell; null for any other failure. */
export function startFailureCode(error: unknown): 126 | 127 | null {
  const failure = failureOf(error);
  const text = engineText(failure);
  if (failure.statusCode === undefined || !/exec/i.test(text)) return null;
  if (/executable file not found|no such file or directory/i.test(text)) return 127;
  return /permission denied|argument list too long|exec format error/i.test(text) ? 126 : null;
}

function kindOf(error: unknown): ProviderErrorKind {
  const failure = failureOf(error);
  const { statusCode, code, name } = failure;
  const text = engineText(failure);
  if (name === 'AbortError' || name === 'TimeoutError') return 'timeout';
  if (UNREACHABLE.has(code ?? '') || isBrokenConnection(error)) return 'unavailable';
  if (isUnknownContainer(error)) return 'not_found';
  if (statusCode === 404 && /no such image|image not known/i.test(text)) return 'misconfigured';
  if (/executable file not found|no such file or directory|seccomp|rlimit/i.test(text) && statusCode !== undefined)
    return 'misconfigured';
  if (/no space left on device|too many open files|cannot allocate memory/i.test(text)) return 'unavailable';
  switch (statusCode ?? 0) {
    case 400:
      return 'invalid';
    case 401:
    case 403:
      return 'misconfigured';
    case 429:
      return 'rate_limited';
    case 502:
    case 503:
      return 'unavailable';
    case 504:
      return 'timeout';
    default:
      return 'internal';
  }
}

/** What the engine or its client threw, in the port's words. `action` says what was tried, as in `create`. */
export function toProviderError(error: unknown, action: string): ProviderError {
  if (error instanceof ProviderError) return error;
  return new ProviderError(
    kindOf(error),
    `container engine, ${action}: ${error instanceof Error ? error.message.trim() : String(error)}`,
    { cause: error },
  );
}
