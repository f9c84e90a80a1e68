import {
  ClientClosedError,
  ConflictError,
  InvalidError,
  NotFoundError,
  ResourceExhaustedError,
  SandboxTimeoutError,
  TimeoutError,
} from 'modal';
import { ClientError, Status } from 'nice-grpc';
import { ProviderError, type ProviderErrorKind } from '../../application/ports/provider';

/** Modal limits creates per second and does not say when to come back. */
const RATE_LIMIT_RETRY_AFTER_MS = 1_000;
/** The account has no room for another sandbox; room comes when others end. */
const CAPACITY_RETRY_AFTER_MS = 10_000;

const KIND_OF_STATUS: Readonly<Record<number, ProviderErrorKind>> = {
  [Status.CANCELLED]: 'unavailable',
  [Status.UNKNOWN]: 'internal',
  [Status.INVALID_ARGUMENT]: 'invalid',
  [Status.DEADLINE_EXCEEDED]: 'timeout',
  [Status.NOT_FOUND]: 'not_found',
  [Status.ALREADY_EXISTS]: 'internal',
  [Status.PERMISSION_DENIED]: 'misconfigured',
  [Status.RESOURCE_EXHAUSTED]: 'rate_limited',
  [Status.FAILED_PRECONDITION]: 'internal',
  [Status.ABORTED]: 'unavailable',
  [Status.OUT_OF_RANGE]: 'invalid',
  [Status.UNIMPLEMENTED]: 'internal',
  [Status.INTERNAL]: 'internal',
  [Status.UNAVAILABLE]: 'unavailable',
  [Status.DATA_LOSS]: 'internal',
  [Status.UNAUTHENTICATED]: 'misconfigured',
};

const KIND_OF_CLASS: readonly (readonly [abstract new (...args: never[]) => Error, ProviderErrorKind])[] = [
  [NotFoundError, 'not_found'],
  [ConflictError, 'gone'],
  [InvalidError, 'invalid'],
  [TimeoutError, 'timeout'],
  [SandboxTimeoutError, 'timeout'],
  [ClientClosedError, 'unavailable'],
];

/** What the SDK says in plain `Error`s. */
const KIND_OF_TEXT: readonly (readonly [RegExp, ProviderErrorKind])[] = [
  [/^Deadline exceeded/, 'timeout'],
  [/^Profile is missing credentials/, 'misconfigured'],
  [/^Image build for \S+ (terminated|timed out)/, 'unavailable'],
  [/^Image build for /, 'misconfigured'],
  [/^Command router access is not available/, 'unavailable'],
];

/** Codes after which a request may or may not have been carried out. */
const OUTCOME_UNKNOWN = new Set<Status>([
  Status.CANCELLED,
  Status.UNKNOWN,
  Status.DEADLINE_EXCEEDED,
  Status.ABORTED,
  Status.INTERNAL,
  Status.UNAVAILABLE,
  Status.DATA_LOSS,
]);
/** From here on a sandbox may exist. */
const CREATING_CALL = /\/(SandboxCreate|SandboxCreateV2|SandboxGetTaskId)$/;

/** Turns whatever the SDK threw into a ProviderError. */
export function toProviderError(error: unknown, what: string): ProviderError {
  if (error instanceof ProviderError) return error;
  if (error instanceof ClientError) {
    const kind = KIND_OF_STATUS[error.code] ?? 'internal';
    const message = `Modal ${what}: ${Status[error.code]} ${error.details}`;
    return new ProviderError(
      kind,
      message,
      kind === 'rate_limited' ? { cause: error, retryAfterMs: RATE_LIMIT_RETRY_AFTER_MS } : { cause: error },
    );
  }
  const text = error instanceof Error ? error.message : String(error);
  const message = `Modal ${what}: ${text}`;
  if (error instanceof ResourceExhaustedError) {
    return new ProviderError('unavailable', message, { cause: error, retryAfterMs: CAPACITY_RETRY_AFTER_MS });
  }
  const kind =
    KIND_OF_CLASS.find(([errorClass]) => error instanceof errorClass)?.[1] ??
    KIND_OF_TEXT.find(([pattern]) => pattern.test(text))?.[1] ??
    'internal';
  return new ProviderError(kind, message, { cause: error });
}

/** Like toProviderError, for a create: `timeout` when it is not known whether a sandbox exists now. */
export function toCreateError(error: unknown): ProviderError {
  if (error instanceof ClientError && CREATING_CALL.test(error.path) && OUTCOME_UNKNOWN.has(error.code)) {
    return new ProviderError(
      'timeout',
      `Modal create: it is not known whether the sandbox exists: ${Status[error.code]} ${error.details}`,
      { cause: error },
    );
  }
  const failure = toProviderError(error, 'create');
  // A sandbox that ended before it was scheduled; another one may have more luck.
  return failure.kind === 'gone' ? new ProviderError('unavailable', failure.message, { cause: error }) : failure;
}

/** Modal's own word that an exec has passed its timeout. */
export function isExecDeadline(error: unknown): boolean {
  return error instanceof Error && error.message.includes('Deadline exceeded');
}

export function isNotFound(error: unknown): boolean {
  return error instanceof NotFoundError || (error instanceof ClientError && error.code === Status.NOT_FOUND);
}
