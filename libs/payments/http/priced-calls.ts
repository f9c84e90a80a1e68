import { Logger } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Config } from '@tollbox/platform/config/config';
import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import { parseOrRefuse } from '@tollbox/platform/http/parse-or-refuse';
import type { PreparedAnswer } from '@tollbox/platform/http/prepared-answer';
import { pathAndQuery, publicBaseUrl } from '@tollbox/platform/http/public-url';
import '@tollbox/platform/http/fastify-request';
import type { Operation } from '@tollbox/platform/operations/operation';
import type { PricedHandler } from '@tollbox/platform/routes/priced-handlers';
import type { PayForOperation } from '../application/pay-for-operation';
import type { PriceList, QuoteRequest } from '../application/price-list';
import { REJECTIONS, type PaymentPayload } from '../domain/authorization';
import { decodePaymentHeader } from '../domain/payment-header';
import type { Terms } from '../domain/terms';
import { answerOf, rejectedAnswer } from './payment-answers';
import { UnpaidAnswers } from './unpaid-answers';

/** A request of a priced route, with what it asks for and what that costs. */
interface PricedCall {
  readonly request: FastifyRequest;
  readonly operation: Operation;
  readonly handler: PricedHandler;
  readonly body: unknown;
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
  ) {}

  /** An unpaid request is answered at once, without a promise. */
  answer(request: FastifyRequest, operation: Operation, handler: PricedHandler): PreparedAnswer | Promise<PreparedAnswer> {
    const call = this.quote(request, operation, handler);
    const header = paymentHeaderOf(request);
    return header === null ? this.unpaid.answer(call.terms, request.id) : this.answerHeader(call, header);
  }

  /** The one place where a request becomes a quote. */
  private quote(request: FastifyRequest, operation: Operation, handler: PricedHandler): PricedCall {
    const body = parseOrRefuse(operation.body, request.body);
    const quoteRequest = {
      operation: operation.name,
      attributes: operation.priceAttributes?.(body) ?? {},
      deadlineMs: operation.deadlineMs(body),
      resourceUrl: `${publicBaseUrl(this.config, request)}${pathAndQuery(request.url)}`,
    };
    return { request, operation, handler, body, quoteRequest, terms: this.prices.quote(quoteRequest) };
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

  /** The one place where a request becomes a claim. */
  private async answerPaid(call: PricedCall, payload: PaymentPayload): Promise<PreparedAnswer> {
    const { request, operation, handler, body, terms } = call;
    const signedFor = await this.prices.termsSignedFor(call.quoteRequest, payload);
    // Whatever happens from here on that is not an outcome leaves open whether money moves; the stored payment decides.
    request.charged = 'unknown';
    const outcome = await this.payments.pay({
      operation,
      body,
      terms: signedFor,
      payload,
      rawBody: request.rawBody ?? Buffer.alloc(0),
      method: request.method,
      path: pathAndQuery(request.url),
      requestId: request.id,
      run: async ({ owner, operationId }) => ({ status: 200, body: await handler({ owner, operationId, body }) }),
    });
    if (outcome.kind === 'error' && outcome.error.definition.status >= 500)
      this.logger.warn({ requestId: request.id, err: outcome.error });
    return answerOf(outcome, { request, terms, x402Version: payload.x402Version });
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
