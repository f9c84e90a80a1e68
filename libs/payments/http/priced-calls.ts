import { Logger } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { creditToken, type CreditTokens } from '@tollbox/platform/access/owner-access';
import type { Config } from '@tollbox/platform/config/config';
import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import { parseOrRefuse } from '@tollbox/platform/http/parse-or-refuse';
import type { PreparedAnswer } from '@tollbox/platform/http/prepared-answer';
import { pathAndQuery, publicBaseUrl } from '@tollbox/platform/http/public-url';
import { UploadedContent } from '@tollbox/platform/http/uploaded-content';
import '@tollbox/platform/http/fastify-request';
import type { Operation, OperationAnswer } from '@tollbox/platform/operations/operation';
import { boundedAnswer } from '@tollbox/platform/operations/answer-bytes';
import type { PaidCall, PaidUpload } from '@tollbox/platform/routes/paid-call.decorator';
import type { PaidOutcome } from '../application/outcomes';
import type { PayForOperation } from '../application/pay-for-operation';
import type { PayFromCredits } from '../application/pay-from-credits';
import type { PriceList, QuoteRequest } from '../application/price-list';
import { REJECTIONS, type PaymentPayload } from '../domain/authorization';
import { isIdempotencyKey } from '../domain/credit-call';
import type { Hex } from '../domain/networks';
import { decodePaymentHeader } from '../domain/payment-header';
import type { Terms } from '../domain/terms';
import { answerOf, rejectedAnswer } from './payment-answers';
import { inputOf, type PricedRoute } from './priced-route';
import { UnpaidAnswers } from './unpaid-answers';

/** A request of a priced route, with what it asks for and what that costs. */
interface PricedCall {
  readonly request: FastifyRequest;
  readonly route: PricedRoute;
  readonly operation: Operation;
  /** The validated input. */
  readonly body: unknown;
  readonly upload: UploadedContent | null;
  readonly quoteRequest: QuoteRequest;
  readonly terms: Terms;
}

/** Turns a request of a priced route into its answer. A bad request never costs money: the body is validated first. */
export class PricedCalls {
  private readonly logger = new Logger('Payments');
  private readonly unpaid = new UnpaidAnswers();

  constructor(
    private readonly config: Config,
    private readonly prices: PriceList,
    private readonly payments: PayForOperation,
    private readonly credits: PayFromCredits,
    /** Absent in a process that sells no credits. */
    private readonly tokens?: CreditTokens,
  ) {}

  /** An unpaid request is answered at once, without a promise. */
  answer(request: FastifyRequest, route: PricedRoute): PreparedAnswer | Promise<PreparedAnswer> {
    const { operation } = route;
    const call = this.quote(request, route);
    const header = paymentHeaderOf(request);
    if (header !== null) return this.answerHeader(call, header);
    const token = operation.onChainOnly === true ? undefined : creditToken(request.headers.authorization);
    return token === undefined ? this.unpaid.answer(call.terms, request.id) : this.answerOnCredit(call, token);
  }

  /** The one place where a request becomes a quote. */
  private quote(request: FastifyRequest, route: PricedRoute): PricedCall {
    const { operation } = route;
    const body = parseOrRefuse(operation.body, inputOf(route, request));
    const upload = operation.upload === undefined ? null : UploadedContent.announcedBy(request, operation.upload);
    const quoteRequest = {
      operation: operation.name,
      attributes: operation.priceAttributes?.(body) ?? {},
      deadlineMs: operation.deadlineMs(body),
      resourceUrl: `${publicBaseUrl(this.config, request)}${pathAndQuery(request.url)}`,
    };
    return { request, route, operation, body, upload, quoteRequest, terms: this.prices.quote(quoteRequest) };
  }

  private async answerHeader(call: PricedCall, header: string): Promise<PreparedAnswer> {
    const decoded = decodePaymentHeader(header);
    switch (decoded.kind) {
      case 'malformed':
        throw new TollboxError('invalid_payment_header', { details: decoded.problem });
      case 'unsupported_version':
        return rejectedAnswer(call.terms, REJECTIONS.version, call.request.id);
      case 'payment':
        return this.answerPaid(call, decoded.payload);
    }
  }

  /** The one place where a payment header becomes a claim. */
  private async answerPaid(call: PricedCall, payload: PaymentPayload): Promise<PreparedAnswer> {
    const terms = await this.prices.termsSignedFor(call.quoteRequest, payload);
    // Whatever happens from here on that is not an outcome leaves open whether money moves; the stored payment decides.
    call.request.charged = 'unknown';
    const outcome = await this.payments.pay({ ...this.requestOf(call), terms, payload });
    return this.answerOutcome(call, outcome, payload.x402Version);
  }

  /** The one place where a credit token becomes a claim. */
  private async answerOnCredit(call: PricedCall, token: string): Promise<PreparedAnswer> {
    const { request, terms } = call;
    const wallet = (await this.tokens?.walletOf(token)) ?? null;
    if (wallet === null) throw new TollboxError('credit_token_rejected');
    const idempotencyKey = [request.headers['idempotency-key'] ?? []].flat().join(',');
    if (!isIdempotencyKey(idempotencyKey)) throw new TollboxError('idempotency_key_required');
    request.charged = 'unknown';
    const outcome = await this.credits.pay({ ...this.requestOf(call), terms, wallet: wallet as Hex, idempotencyKey });
    return this.answerOutcome(call, outcome, 2);
  }

  private answerOutcome({ request, terms }: PricedCall, outcome: PaidOutcome, x402Version: 1 | 2): PreparedAnswer {
    if (outcome.kind === 'error' && outcome.error.definition.status >= 500)
      this.logger.warn({ requestId: request.id, err: outcome.error });
    return answerOf(outcome, { request, terms, x402Version });
  }

  /** What both rails need of the request. */
  private requestOf({ request, route, operation, body, upload }: PricedCall) {
    return {
      operation,
      body,
      rawBody: request.rawBody ?? Buffer.alloc(0),
      ...(upload === null ? {} : { announcedSha256: upload.announcedSha256 }),
      method: request.method,
      path: pathAndQuery(request.url),
      requestId: request.id,
      run: async ({ owner, operationId }: Pick<PaidCall, 'owner' | 'operationId'>): Promise<OperationAnswer> => {
        const call = { owner, operationId, body };
        const done =
          upload === null
            ? await route.handler(call)
            : await upload.during(operation.deadlineMs(body), (content) => route.handler({ ...call, content } as PaidUpload));
        return { status: route.status, body: boundedAnswer(done, this.config.ANSWER_MAX_BYTES) };
      },
    };
  }
}

/** v2 buyers send PAYMENT-SIGNATURE, v1 buyers X-PAYMENT; some send a v2 payload under the v1 name, or one of them empty. */
function paymentHeaderOf({ headers }: FastifyRequest): string | null {
  for (const value of [headers['payment-signature'], headers['x-payment']]) {
    if (value === undefined) continue;
    const text = typeof value === 'string' ? value : value.join(',');
    if (text.trim() !== '') return text;
  }
  return null;
}
