import { ERRORS, type ErrorCode } from '../errors/registry';
import { errorBody, TollboxError } from '../errors/tollbox-error';
import type { Operation } from '../operations/operation';
import type { FreeRoute, OwnerRoute, StaffRoute } from '../routes/access.decorators';
import type { ErrorResponse, Json } from './openapi-parts';

/** Answered before a handler runs, or where it fails. */
const EVERY_ROUTE: readonly ErrorCode[] = ['rate_limited', 'internal'];
const WITH_BODY: readonly ErrorCode[] = ['invalid_body', 'body_too_large', 'unsupported_media_type'];

/** What taking a payment can answer, whatever it pays for. */
const PAYING: readonly ErrorCode[] = [
  ...WITH_BODY,
  ...(['invalid_payment_header', 'payment_required', 'payment_rejected', 'settlement_refused', 'settlement_pending'] as const),
  ...(['operation_in_progress', 'operation_interrupted', 'execution_lost', 'answer_expired'] as const),
  ...(['payment_reused', 'payment_identifier_reused', 'too_many_payments_in_flight', 'too_many_refused_payments'] as const),
  ...(['contract_wallets_paused', 'chain_unavailable'] as const),
];
const PAYING_ON_CREDIT: readonly ErrorCode[] = [
  ...(['idempotency_key_required', 'idempotency_key_reused', 'credit_token_rejected'] as const),
  ...(['insufficient_credits', 'credits_in_debt'] as const),
];

const UPLOADING: readonly ErrorCode[] = ['content_digest_required', 'content_digest_mismatch', 'body_incomplete'];

/** Every code that a route can answer with: what guards it, what reads its input, and what it declares itself. */
export function errorCodesOf(route: FreeRoute | StaffRoute | OwnerRoute, path: string): readonly ErrorCode[] {
  const { query, body } = { query: undefined, body: undefined, ...route };
  const guard: readonly ErrorCode[] =
    route.kind === 'staff' ? ['unauthorized', 'forbidden'] : route.kind === 'owner' ? ['sign_in_required'] : [];
  const input: readonly ErrorCode[] = [
    ...(query === undefined ? [] : (['invalid_query'] as const)),
    ...(body === undefined ? [] : WITH_BODY),
    ...(path.includes(':') ? (['not_found'] as const) : []),
  ];
  return [...new Set([...guard, ...input, ...(route.errors ?? []), ...EVERY_ROUTE])];
}

export function errorCodesOfOperation({
  errors,
  onChainOnly,
  upload,
  answerMediaType,
}: Pick<Operation, 'errors' | 'onChainOnly' | 'upload' | 'answerMediaType'>): readonly ErrorCode[] {
  const onCredit = onChainOnly === true ? [] : PAYING_ON_CREDIT;
  const uploading = upload === undefined ? [] : UPLOADING;
  const bytes: readonly ErrorCode[] = answerMediaType === undefined ? [] : ['answer_too_large'];
  return [...new Set([...PAYING, ...onCredit, ...uploading, ...bytes, ...(errors ?? []), ...EVERY_ROUTE])];
}

/** Responses for the error codes, those of one status together, each with its example. */
export function errorResponses(codes: readonly ErrorCode[]): Record<string, ErrorResponse> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of codes) byStatus.set(ERRORS[code].status, [...(byStatus.get(ERRORS[code].status) ?? []), code]);
  return Object.fromEntries(
    [...byStatus].map(([status, group]) => [
      String(status),
      {
        description: group.map((code) => `\`${wireCode(code)}\`: ${ERRORS[code].message}`).join('\n\n'),
        content: {
          'application/json': {
            schema: { $ref: '#/components/schemas/Error' },
            examples: Object.fromEntries(
              group.map((code) => [wireCode(code), { $ref: `#/components/examples/${wireCode(code)}` }]),
            ),
          },
        },
      },
    ]),
  );
}

const wireCode = (code: ErrorCode): string => ERRORS[code].wireCode ?? code;

/** A body of every code, under the code's name on the wire. */
export function errorExamples(): Json {
  return Object.fromEntries(
    (Object.keys(ERRORS) as ErrorCode[]).map((code) => {
      const value = errorBody(new TollboxError(code), { charged: false, requestId: '0f1e2d3c-4b5a-4678-9788-a9bacbdcedfe' });
      return [wireCode(code), { summary: ERRORS[code].error, value }];
    }),
  );
}
