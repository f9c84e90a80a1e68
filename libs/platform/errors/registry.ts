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

const define = <Code extends string>(registry: Record<Code, ErrorDefinition>): Readonly<Record<Code, ErrorDefinition>> =>
  registry;

export const ERRORS = define({
  invalid_body: {
    status: 400,
    retryable: false,
    error: 'Invalid request body',
    message: 'The request body does not match the schema of this route.',
    suggestion: 'Correct the fields listed in `details`; the schema is in /openapi.json.',
  },
  invalid_query: {
    status: 400,
    retryable: false,
    error: 'Invalid query',
    message: 'The query string does not match the schema of this route.',
    suggestion: 'Correct the parameters listed in `details`; the schema is in /openapi.json.',
  },
  invalid_payment_header: {
    status: 400,
    retryable: false,
    error: 'Invalid payment header',
    message: 'The payment header is not a base64-encoded x402 payload.',
    suggestion: 'Send base64(JSON) of an x402 v1 or v2 `exact` payload in PAYMENT-SIGNATURE or X-PAYMENT.',
  },
  unsupported_media_type: {
    status: 415,
    retryable: false,
    error: 'Unsupported media type',
    message: 'The request body must be JSON.',
    suggestion: 'Send `Content-Type: application/json`.',
  },
  body_too_large: {
    status: 413,
    retryable: false,
    error: 'Request body too large',
    message: 'The request body is larger than this server accepts.',
    suggestion: 'Send a smaller body; the limit is in the configuration table of the documentation.',
  },
  content_digest_required: {
    status: 400,
    retryable: false,
    error: 'Content-Digest required',
    message: 'A streamed body needs its SHA-256 in Content-Digest (RFC 9530), because the payment is for exactly these bytes.',
    suggestion: 'Send `Content-Digest: sha-256=:<base64 of the SHA-256 of the body>:`.',
  },
  content_digest_mismatch: {
    status: 400,
    retryable: true,
    error: 'Content-Digest mismatch',
    message: 'The body that arrived does not have the SHA-256 of its Content-Digest. Nothing was written.',
    suggestion: 'Send the bytes that Content-Digest is of; the same payment header is still good for them.',
  },
  body_incomplete: {
    status: 408,
    retryable: true,
    error: 'Request body incomplete',
    message: 'The body did not arrive as a whole within its time. Nothing was written.',
    suggestion: 'Send the same request again; the same payment header is still good.',
  },
  answer_too_large: {
    status: 422,
    retryable: false,
    error: 'Answer too large',
    message: 'The answer is larger than this installation keeps for a repeated call. Nothing was charged.',
    suggestion: 'Ask for a part of it.',
  },
  not_supported_here: {
    status: 422,
    retryable: false,
    error: 'Not supported here',
    message: 'The sandbox provider of this installation cannot do this.',
    suggestion: 'Leave out what `details` name; docs/sandboxes.md says what each provider can do.',
  },
  file_problem: {
    status: 422,
    retryable: false,
    error: 'File problem',
    message: 'The file system of the sandbox refused this.',
    suggestion: 'The reason is in `details`: for example not_found, is_directory, permission_denied or no_space.',
  },
  not_found: {
    status: 404,
    retryable: false,
    error: 'Not found',
    message: 'There is no such route or record.',
    suggestion: 'See /openapi.json for the routes; ids of records are in the lists.',
  },
  method_not_allowed: {
    status: 405,
    retryable: false,
    error: 'Method not allowed',
    message: 'This path exists, but not with this method.',
    suggestion: 'Use a method of the Allow header; see /openapi.json.',
  },
  payment_required: {
    status: 402,
    retryable: true,
    error: 'Payment Required',
    message: 'This endpoint requires x402 payment',
    suggestion:
      'Sign the terms in PAYMENT-REQUIRED (x402 v2) or `accepts` (x402 v1) and send the request again with the payment.',
  },
  payment_rejected: {
    status: 402,
    retryable: true,
    error: 'Payment verification failed',
    message: 'The payment does not pay for this request.',
    suggestion: 'Sign a new payment for the terms in this answer.',
  },
  settlement_refused: {
    status: 402,
    retryable: true,
    error: 'Payment settlement failed',
    message: 'The chain refused the payment. Nothing was charged and no answer is released.',
    suggestion: 'Check the balance of the paying wallet and sign a new payment.',
  },
  settlement_pending: {
    status: 503,
    retryable: true,
    error: 'Settlement pending',
    message: 'The payment was sent to the chain and its outcome is not known yet.',
    suggestion: 'Send the same request with the same payment header after Retry-After. Do not sign a new payment.',
  },
  operation_in_progress: {
    status: 503,
    retryable: true,
    error: 'Operation in progress',
    message: 'The operation that this payment bought is still running.',
    suggestion: 'Send the same request with the same payment header after Retry-After to receive its answer.',
  },
  payment_reused: {
    status: 409,
    retryable: false,
    error: 'Payment already used',
    message: 'This payment was already used for another request.',
    suggestion: 'Sign a new payment for this request.',
  },
  payment_identifier_reused: {
    status: 409,
    retryable: false,
    error: 'Payment identifier already used',
    message: 'This wallet used this payment-identifier for another request. The payment that was sent is not used.',
    suggestion: 'Give every request an identifier of its own; repeat a request with the same method, path and body.',
  },
  answer_expired: {
    status: 410,
    retryable: false,
    error: 'Answer expired',
    message: 'This payment bought an answer that is no longer kept.',
    suggestion: 'Sign a new payment to run the operation again.',
  },
  execution_lost: {
    status: 503,
    retryable: false,
    error: 'Execution lost',
    message:
      'The server stopped while the operation ran, and its outcome cannot be known. It was not charged and does not run again.',
    suggestion: 'Check the state of the sandbox, then send the request with a new payment.',
  },
  operation_interrupted: {
    status: 503,
    retryable: true,
    error: 'Operation interrupted',
    message: 'The server stopped before the operation started. Nothing ran and nothing was charged.',
    suggestion: 'Send the same request again; the same payment header is still good.',
  },
  too_many_payments_in_flight: {
    status: 429,
    retryable: true,
    error: 'Too many payments in flight',
    message: 'This wallet has too many payments that are not settled yet.',
    suggestion: 'Wait for running calls to finish, then send the request again.',
  },
  too_many_refused_payments: {
    status: 429,
    retryable: true,
    error: 'Too many refused payments',
    message: 'The chain refused too many payments of this wallet after their work was done.',
    suggestion: 'Keep the signed amount in the wallet until the answer arrives, and send the request again after Retry-After.',
  },
  contract_wallets_paused: {
    status: 503,
    retryable: true,
    error: 'Contract wallets are paused',
    message:
      'Wallets with code have used up the gas that this installation spends on them in an hour. Plain accounts are served.',
    suggestion:
      'Pay from a plain account (EOA), or send the same request again after Retry-After; the payment header is still good.',
  },
  second_key_required: {
    status: 403,
    retryable: false,
    error: 'Second key required',
    message: 'This needs the approval of a second key.',
    suggestion: 'Send the same request with the finance key of another person in the header `X-Approval-Key`.',
  },
  too_many_exports: {
    status: 429,
    retryable: true,
    error: 'Too many exports',
    message: 'As many exports run as this process allows at once.',
    suggestion: 'Wait for a running export to end, then send the request again after Retry-After.',
  },
  rate_limited: {
    status: 429,
    wireCode: 'RATE_LIMITED',
    retryable: true,
    error: 'Too many requests',
    message: 'Too many requests from this address.',
    suggestion: 'Wait for Retry-After seconds, then send the request again.',
  },
  sandbox_limit_reached: {
    status: 429,
    retryable: true,
    error: 'Sandbox limit reached',
    message: 'The limit of sandboxes that run at once is reached.',
    suggestion: 'Terminate a sandbox, or wait for one to end, then send the request again.',
  },
  sandbox_busy: {
    status: 429,
    retryable: true,
    error: 'Sandbox busy',
    message: 'Too many commands run in this sandbox at once.',
    suggestion: 'Wait for a running command to finish, then send the request again.',
  },
  sandbox_not_found: {
    status: 404,
    retryable: false,
    error: 'Sandbox not found',
    message: 'There is no sandbox with this id for the paying wallet.',
    suggestion: 'Use the sandbox_id from the create answer and pay with the wallet that paid for create.',
  },
  snapshot_not_found: {
    status: 404,
    retryable: false,
    error: 'Snapshot not found',
    message: 'There is no snapshot with this id for this wallet. Snapshots expire.',
    suggestion: 'GET /v1/snapshots lists the snapshots of a wallet.',
  },
  snapshot_limit_reached: {
    status: 429,
    retryable: false,
    error: 'Snapshot limit reached',
    message: 'This wallet keeps as many snapshots as one wallet may keep. Nothing was charged.',
    suggestion: 'Delete one with DELETE /v1/snapshots/{id}, or wait for one to expire.',
  },
  snapshot_too_large: {
    status: 422,
    retryable: false,
    error: 'Snapshot too large',
    message: 'The sandbox has written more than a snapshot may hold. Nothing was charged.',
    suggestion: 'Remove files that need not be kept, then send the request with a new payment.',
  },
  sandbox_gone: {
    status: 410,
    retryable: false,
    error: 'Sandbox gone',
    message: 'The sandbox has ended.',
    suggestion: 'Create a new sandbox.',
  },
  draining: {
    status: 503,
    retryable: true,
    error: 'Draining',
    message: 'This installation accepts no new sandboxes for now.',
    suggestion: 'Try again later; running sandboxes can still be used.',
  },
  provider_unavailable: {
    status: 503,
    retryable: true,
    error: 'Sandbox provider unavailable',
    message: 'The sandbox provider did not accept the operation.',
    suggestion: 'Send the same request again; the same payment header is still good.',
  },
  provider_rate_limited: {
    status: 429,
    retryable: true,
    error: 'Sandbox provider busy',
    message: 'The sandbox provider asks to slow down.',
    suggestion: 'Wait for Retry-After seconds, then send the same request again.',
  },
  operation_timeout: {
    status: 504,
    retryable: false,
    error: 'Operation timed out',
    message: 'The operation did not finish before its deadline; no charge taken.',
    suggestion: 'Send the request with a new payment, or check the state of the sandbox first.',
  },
  chain_unavailable: {
    status: 503,
    retryable: true,
    error: 'Chain unavailable',
    message: 'The payment could not be checked because the chain did not answer. Nothing ran and nothing was charged.',
    suggestion: 'Send the same request with the same payment header after Retry-After.',
  },
  unauthorized: {
    status: 401,
    retryable: false,
    error: 'Unauthorized',
    message: 'This route needs a staff key.',
    suggestion: 'Send `Authorization: Bearer <key>` with a key that is neither expired nor revoked.',
  },
  sign_in_required: {
    status: 401,
    retryable: true,
    error: 'Sign-in required',
    message: 'This route is free for the wallet that owns what it shows, and needs to know which wallet calls.',
    suggestion:
      'Sign `extensions.sign-in-with-x` of this answer with the wallet and send the request again with the proof in SIGN-IN-WITH-X, or send a credit token as `Authorization: Bearer tbc_...`.',
  },
  credit_token_rejected: {
    status: 401,
    retryable: false,
    error: 'Credit token rejected',
    message: 'This credit token is unknown or revoked.',
    suggestion: 'Use a token that was topped up with POST /v1/credits, or leave the Authorization header out and pay with x402.',
  },
  idempotency_key_required: {
    status: 400,
    retryable: false,
    error: 'Idempotency-Key required',
    message: 'A call on credit needs an Idempotency-Key of 1 to 128 letters, digits, dots, colons, hyphens or underscores.',
    suggestion: 'Send a new Idempotency-Key for every new call, and the same one to repeat a call.',
  },
  idempotency_key_reused: {
    status: 409,
    retryable: false,
    error: 'Idempotency-Key already used',
    message: 'This Idempotency-Key was already used for another request of this wallet.',
    suggestion: 'Use a new Idempotency-Key for this request.',
  },
  insufficient_credits: {
    status: 402,
    retryable: true,
    error: 'Insufficient credits',
    message: 'The prepaid credits do not cover this call. Nothing was charged.',
    suggestion: 'Top up with POST /v1/credits, or leave the Authorization header out and pay this call with x402.',
  },
  credits_in_debt: {
    status: 402,
    retryable: true,
    error: 'Credits in debt',
    message: 'This wallet owes for calls whose payment did not arrive. Nothing was charged.',
    suggestion: 'Top up with POST /v1/credits: the debt is paid first, and what is left can be used.',
  },
  credit_token_taken: {
    status: 409,
    retryable: false,
    error: 'Credit token taken',
    message: 'This token hash was revoked, or belongs to another wallet. Nothing was charged.',
    suggestion: 'Make a new random token and send its SHA-256.',
  },
  too_many_credit_tokens: {
    status: 429,
    retryable: false,
    error: 'Too many credit tokens',
    message: 'This wallet has as many credit tokens as it may have. Nothing was charged.',
    suggestion: 'Use a token that you have, or revoke one with DELETE /v1/credits/tokens/{sha256}.',
  },
  forbidden: {
    status: 403,
    retryable: false,
    error: 'Forbidden',
    message: 'The role of this key may not use this route.',
    suggestion: 'Use a key with the role that the documentation names for this route.',
  },
  conflict: {
    status: 409,
    retryable: true,
    error: 'Conflict',
    message: 'The record changed at the same time.',
    suggestion: 'Read the record again and repeat the request.',
  },
  period_not_over: {
    status: 409,
    retryable: true,
    error: 'Period not over',
    message: 'The period is not over, or has not been for long enough.',
    suggestion: 'Close up to an earlier time, or send the request again after Retry-After.',
  },
  refund_not_possible: {
    status: 422,
    retryable: false,
    error: 'Refund not possible',
    message: 'This payment cannot be refunded.',
    suggestion: 'See GET /finance/payments/{id}: only what arrived and was not refunded yet can be given back.',
  },
  internal: {
    status: 500,
    retryable: true,
    error: 'Internal server error',
    message: 'The server failed to handle this request.',
    suggestion: 'Send the same request again; a payment header that was sent is still good and never pays twice.',
  },
});

export type ErrorCode = keyof typeof ERRORS;
