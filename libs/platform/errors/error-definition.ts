/**
 * Every error a caller can see: one code, one HTTP status, whether repeating the same request can help, and what to
 * do next. `charged` is not here: it belongs to the payment of the request, not to the error.
 */
export interface ErrorDefinition {
  readonly status: number;
  readonly retryable: boolean;
  /** The short text in the answer's `error` key, as BlockRun's clients read it. */
  readonly error: string;
  readonly message: string;
  readonly suggestion: string;
  /** Value of the answer's `code` where BlockRun's clients know another one than ours. */
  readonly wireCode?: string;
}

export const define = <Code extends string>(registry: Record<Code, ErrorDefinition>): Readonly<Record<Code, ErrorDefinition>> =>
  registry;
