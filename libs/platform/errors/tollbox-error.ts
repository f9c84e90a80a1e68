import { ERRORS, type ErrorCode, type ErrorDefinition } from './registry';

/** One problem of a field, in the shape of a zod issue (what BlockRun's clients show). */
export interface IssueDetail {
  readonly code: string;
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly expected?: string;
  readonly received?: string;
}

export interface TollboxErrorOptions {
  /** Replaces the registry's message. */
  readonly message?: string;
  /** Replaces the registry's suggestion, where more is known of what helps. */
  readonly suggestion?: string;
  /** Machine-readable context, sent in the answer's `details`: a text or a list of issues. */
  readonly details?: string | readonly IssueDetail[];
  /** Sent as the `Retry-After` header and as `retry_after_seconds`. */
  readonly retryAfterSeconds?: number;
  /** More headers of the answer, for example the payment terms of a 402. */
  readonly headers?: Readonly<Record<string, string>>;
  /** More keys of the answer's body; they never replace the ones every error has. */
  readonly body?: Readonly<Record<string, unknown>>;
  /** What went wrong inside; logged, never sent. */
  readonly cause?: unknown;
}

/** An error that a caller sees. Its code decides status, retryability and suggestion (see registry.ts). */
export class TollboxError extends Error {
  readonly code: ErrorCode;
  readonly suggestion: string;
  readonly details: TollboxErrorOptions['details'];
  readonly retryAfterSeconds: number | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, options: TollboxErrorOptions = {}) {
    super(options.message ?? ERRORS[code].message, { cause: options.cause });
    this.name = 'TollboxError';
    this.code = code;
    this.suggestion = options.suggestion ?? ERRORS[code].suggestion;
    this.details = options.details;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.headers = options.headers ?? {};
    this.body = options.body ?? {};
  }

  get definition(): ErrorDefinition {
    return ERRORS[this.code];
  }
}

/** Whether the payment of the request moved money: known either way, or not known yet. */
export type Charged = boolean | 'unknown';

/** The JSON body of an error answer: BlockRun's keys plus ours. */
export interface ErrorBody {
  error: string;
  message: string;
  code: string;
  suggestion: string;
  retryable: boolean;
  charged: Charged;
  request_id: string;
  details?: TollboxErrorOptions['details'];
  retry_after_seconds?: number;
}

export function errorBody(error: TollboxError, context: { charged: Charged; requestId: string }): ErrorBody {
  const { definition } = error;
  return {
    ...error.body,
    error: definition.error,
    message: error.message,
    code: definition.wireCode ?? error.code,
    suggestion: error.suggestion,
    retryable: definition.retryable,
    charged: context.charged,
    request_id: context.requestId,
    ...(error.details === undefined ? {} : { details: error.details }),
    ...(error.retryAfterSeconds === undefined ? {} : { retry_after_seconds: error.retryAfterSeconds }),
  };
}
