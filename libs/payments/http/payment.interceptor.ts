import { Logger, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { from, lastValueFrom, type Observable } from 'rxjs';
import type { Config } from '@tollbox/platform/config/config';
import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import { parseOrRefuse } from '@tollbox/platform/http/parse-or-refuse';
import type { PreparedAnswer } from '@tollbox/platform/http/prepared-answer';
import { pathAndQuery, publicBaseUrl } from '@tollbox/platform/http/public-url';
import '@tollbox/platform/http/fastify-request';
import type { Operation, OperationRegistry } from '@tollbox/platform/operations/operation';
import { ROUTE_DECLARATION, type RouteDeclaration } from '@tollbox/platform/routes/access.decorators';
import type { RequestWithPaidCall } from '@tollbox/platform/routes/paid-call.decorator';
import type { PayForOperation } from '../application/pay-for-operation';
import type { PriceList } from '../application/price-list';
import { REJECTIONS, type PaymentPayload } from '../domain/authorization';
import { decodePaymentHeader } from '../domain/payment-header';
import type { Terms } from '../domain/terms';
import { answerOf, rejectedAnswer, unpaidAnswer } from './payment-answers';

type PaidRequest = FastifyRequest & RequestWithPaidCall;

/**
 * Turns `@Priced` routes into paid calls. Nest runs interceptors before pipes, so the body is validated here, before
 * anything is priced: a bad request never costs money.
 */
export class PaymentInterceptor implements NestInterceptor {
  private readonly logger = new Logger('Payments');

  constructor(
    private readonly reflector: Reflector,
    private readonly config: Config,
    private readonly operations: OperationRegistry,
    private readonly prices: PriceList,
    private readonly payments: PayForOperation,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const declaration = this.reflector.get<RouteDeclaration | undefined>(ROUTE_DECLARATION, context.getHandler());
    if (declaration?.kind !== 'priced') return next.handle();
    const http = context.switchToHttp();
    const reply = http.getResponse<FastifyReply>();
    return from(
      this.answer(http.getRequest<PaidRequest>(), this.operations.get(declaration.operation), next).then((answer) =>
        send(reply, answer),
      ),
    );
  }

  private async answer(request: PaidRequest, operation: Operation, next: CallHandler): Promise<PreparedAnswer> {
    const body = parseOrRefuse(operation.body, request.body);
    const quoteRequest = {
      operation: operation.name,
      attributes: operation.priceAttributes?.(body) ?? {},
      deadlineMs: operation.deadlineMs(body),
      resourceUrl: `${publicBaseUrl(this.config, request)}${pathAndQuery(request.url)}`,
    };
    const terms = this.prices.quote(quoteRequest);
    const header = paymentHeaderOf(request);
    if (header === null) return unpaidAnswer(terms, request.id);
    const decoded = decodePaymentHeader(header);
    switch (decoded.kind) {
      case 'malformed':
        throw new TollboxError('invalid_payment_header', { details: decoded.problem });
      case 'unsupported_version':
        return rejectedAnswer(terms, REJECTIONS.version, request.id);
      case 'payment': {
        const { payload } = decoded;
        const signedFor = await this.prices.termsSignedFor(quoteRequest, payload);
        return this.answerPaid(request, { operation, body, terms, signedFor, payload }, next);
      }
    }
  }

  private async answerPaid(
    request: PaidRequest,
    call: { operation: Operation; body: unknown; terms: Terms; signedFor: Terms; payload: PaymentPayload },
    next: CallHandler,
  ): Promise<PreparedAnswer> {
    const { operation, body, terms, signedFor, payload } = call;
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
      run: async ({ owner, operationId }) => {
        request.paidCall = { owner, operationId, body };
        return { status: 200, body: await lastValueFrom(next.handle()) };
      },
    });
    if (outcome.kind === 'error' && outcome.error.definition.status >= 500)
      this.logger.warn({ requestId: request.id, err: outcome.error });
    return answerOf(outcome, { request, terms, x402Version: payload.x402Version });
  }
}

/** v2 buyers send PAYMENT-SIGNATURE, v1 buyers X-PAYMENT; some send a v2 payload under the v1 name, or one of them empty. */
function paymentHeaderOf(request: FastifyRequest): string | null {
  const texts = ['payment-signature', 'x-payment'].map((name) => [request.headers[name] ?? []].flat().join(','));
  return texts.find((text) => text.trim() !== '') ?? null;
}

/** Nest sends what an interceptor returns with the route's own status, and what it throws as the filter says. */
function send(reply: FastifyReply, answer: PreparedAnswer): Buffer {
  if (answer.status !== 200) throw answer;
  void reply.headers({ ...answer.headers }).type('application/json; charset=utf-8');
  return answer.body;
}
