import type { FastifyRequest } from 'fastify';
import { errorBody, TollboxError, type Charged } from '@tollbox/platform/errors/tollbox-error';
import { PreparedAnswer } from '@tollbox/platform/http/prepared-answer';
import type { PaidOutcome } from '../application/outcomes';
import type { Rejection } from '../domain/authorization';
import { chargedOf, type Payment, type StoredAnswer } from '../domain/payment';
import { encodeHeader, paymentRequiredV1, paymentRequiredV2, receiptFor, type Terms } from '../domain/terms';

type Headers = Record<string, string>;

/** What the buyer's header said of itself; receipts are written in his protocol version. */
export interface AnswerContext {
  readonly request: Pick<FastifyRequest, 'id'>;
  readonly terms: Terms;
  readonly x402Version: 1 | 2;
}

const PRIVATE: Headers = { 'Cache-Control': 'private, no-store' };
const json = (body: unknown): Buffer => Buffer.from(JSON.stringify(body), 'utf8');

/** The 402 of an unpaid request: v2 terms in the header, v1 terms and BlockRun's keys in the body. */
export function unpaidAnswer(terms: Terms, requestId: string): PreparedAnswer {
  return termsAnswer(terms, new TollboxError('payment_required'), 'Payment Required', requestId, {});
}

/** The finished HTTP answer of a paid request. */
export function answerOf(outcome: PaidOutcome, context: AnswerContext): PreparedAnswer {
  const requestId = context.request.id;
  switch (outcome.kind) {
    case 'paid':
      return storedAnswer(outcome.answer, paidHeaders(outcome.payment, context));
    case 'released':
      return storedAnswer(outcome.answer, { ...PRIVATE, ...paymentId(outcome.payment) });
    case 'voided':
      return storedAnswer(outcome.answer, { ...paymentId(outcome.payment), ...voidRetryAfter(outcome.payment) });
    case 'rejected':
      return rejectedAnswer(context.terms, outcome.rejection, requestId);
    case 'refused':
      return refusedAnswer(outcome.payment, context);
    case 'error':
      if (outcome.error.definition.status === 402)
        return termsAnswer(context.terms, outcome.error, outcome.error.definition.error, requestId, {});
      return errorAnswer(outcome.error, outcome.charged, outcome.payment, requestId);
  }
}

/** Other bytes than JSON are the buyer's own content, which no browser may take for a page of ours. */
function storedAnswer({ status, body, mediaType }: StoredAnswer, headers: Headers): PreparedAnswer {
  if (mediaType === null) return new PreparedAnswer(status, headers, body);
  return new PreparedAnswer(status, { ...headers, 'Content-Disposition': 'attachment' }, body, mediaType);
}

export function rejectedAnswer(terms: Terms, rejection: Rejection, requestId: string): PreparedAnswer {
  return termsAnswer(
    terms,
    new TollboxError('payment_rejected', { details: rejection.details }),
    rejection.reason,
    requestId,
    {},
  );
}

/** Only PAYMENT-RESPONSE carries the failed receipt: older buyers read X-PAYMENT-RESPONSE on an error as "settled". */
function refusedAnswer(payment: Payment, context: AnswerContext): PreparedAnswer {
  const errorReason = payment.failReason ?? 'invalid_transaction_state';
  const receipt = receiptFor(context.x402Version, context.terms.network, {
    success: false,
    transaction: '',
    payer: payment.key.payer,
    errorReason,
  });
  const error = new TollboxError('settlement_refused', { details: errorReason });
  const headers = { ...paymentId(payment), 'PAYMENT-RESPONSE': encodeHeader(receipt) };
  return termsAnswer(context.terms, error, errorReason, context.request.id, headers);
}

function termsAnswer(terms: Terms, error: TollboxError, reason: string, requestId: string, headers: Headers): PreparedAnswer {
  const required = encodeHeader(paymentRequiredV2(terms, reason));
  const body = {
    ...paymentRequiredV1(terms, error.definition.error),
    ...errorBody(error, { charged: false, requestId }),
    reason,
  };
  return new PreparedAnswer(402, { 'PAYMENT-REQUIRED': required, 'X-Payment-Required': required, ...headers }, json(body));
}

function errorAnswer(error: TollboxError, charged: Charged, payment: Payment | null, requestId: string): PreparedAnswer {
  const headers: Headers = {
    ...(payment === null ? {} : paymentId(payment)),
    ...(error.retryAfterSeconds === undefined ? {} : { 'Retry-After': String(error.retryAfterSeconds) }),
  };
  return new PreparedAnswer(error.definition.status, headers, json(errorBody(error, { charged, requestId })));
}

function paidHeaders(payment: Payment, context: AnswerContext): Headers {
  if (payment.rail === 'credit') return { ...PRIVATE, ...paymentId(payment) };
  const transaction = payment.transactionHash ?? '';
  const receipt = encodeHeader(
    receiptFor(context.x402Version, context.terms.network, { success: true, transaction, payer: payment.key.payer }),
  );
  return {
    'PAYMENT-RESPONSE': receipt,
    'X-PAYMENT-RESPONSE': receipt,
    'X-Payment-Receipt': transaction,
    ...PRIVATE,
    ...paymentId(payment),
  };
}

const paymentId = (payment: Payment): Headers => ({ 'X-Payment-Id': payment.id });

/** A retryable void says when to come back, as its stored body does. */
function voidRetryAfter(payment: Payment): Headers {
  return payment.voidRetryable && chargedOf(payment) === false ? { 'Retry-After': '1' } : {};
}
