import { ERRORS } from '../errors/registry';

export type Json = Record<string, unknown>;

const text = (description: string): Json => ({ type: 'string', description });

/** The body of every error answer; its codes are the registry's. */
export function errorSchema(): Json {
  const codes = Object.entries(ERRORS).map(([code, definition]) => definition.wireCode ?? code);
  const issue = {
    type: 'object',
    required: ['code', 'path', 'message'],
    properties: {
      code: text('Kind of the problem.'),
      path: { type: 'array', items: { type: ['string', 'integer'] } },
      message: text('What is wrong.'),
      expected: text('Expected type or values.'),
      received: text('Received type or value.'),
    },
  };
  return {
    type: 'object',
    required: ['error', 'message', 'code', 'suggestion', 'retryable', 'charged', 'request_id'],
    properties: {
      error: text('Short text.'),
      message: text('What happened.'),
      code: { type: 'string', enum: codes },
      suggestion: text('What to do next.'),
      retryable: { type: 'boolean', description: 'Whether the same request can succeed later.' },
      charged: { enum: [true, false, 'unknown'], description: 'Whether money moved for this request.' },
      request_id: text('Also in the X-Request-Id header.'),
      details: { anyOf: [text('More context.'), { type: 'array', items: issue }] },
      retry_after_seconds: { type: 'integer', description: 'Also in the Retry-After header.' },
    },
    'x-codes': Object.fromEntries(
      Object.entries(ERRORS).map(([code, { wireCode, ...definition }]) => [wireCode ?? code, { ...definition }]),
    ),
  };
}

/** The request headers that carry a payment, one of which is sent, and the one that a call on credit needs. */
export function paymentHeaders(): Json[] {
  return [
    {
      name: 'PAYMENT-SIGNATURE',
      in: 'header',
      required: false,
      schema: { type: 'string' },
      description: 'base64(JSON) of an x402 v2 payload.',
    },
    {
      name: 'X-PAYMENT',
      in: 'header',
      required: false,
      schema: { type: 'string' },
      description: 'base64(JSON) of an x402 v1 payload.',
    },
    {
      name: 'Idempotency-Key',
      in: 'header',
      required: false,
      schema: { type: 'string', pattern: '^[A-Za-z0-9._:-]{1,128}$' },
      description: 'Required with a credit token: a new one for every new call, the same one to repeat a call.',
    },
  ];
}

/** What a streamed request body says of itself before it is read. */
export function contentDigestHeader(): Json {
  return {
    name: 'Content-Digest',
    in: 'header',
    required: true,
    schema: { type: 'string', pattern: '^sha-256=:[A-Za-z0-9+/]{43}=:$' },
    description: 'SHA-256 of the body (RFC 9530). It is part of what the payment pays for, and verified while the body is read.',
  };
}

/** The receipt headers of a paid answer. */
export function receiptHeaders(): Json {
  const receipt = 'base64(JSON) of `{success, transaction, network, payer}`.';
  return {
    'PAYMENT-RESPONSE': { schema: { type: 'string' }, description: `x402 v2 receipt: ${receipt}` },
    'X-PAYMENT-RESPONSE': { schema: { type: 'string' }, description: `x402 v1 receipt: ${receipt}` },
    'X-Payment-Receipt': { schema: { type: 'string' }, description: 'Transaction hash of the settlement.' },
    'X-Payment-Id': { schema: { type: 'string' }, description: 'Id of the payment in the books.' },
  };
}

/** A response of error codes. */
export interface ErrorResponse {
  readonly description: string;
  readonly content: { readonly 'application/json': Json };
}

/**
 * The 402: the terms as an x402 v2 header and as an x402 v1 body.
 * @param errors the response of its error codes, for their texts and examples
 */
export function paymentRequiredResponse({ description, content }: ErrorResponse): Json {
  const requirement = {
    type: 'object',
    required: [
      'scheme',
      'network',
      'maxAmountRequired',
      'resource',
      'description',
      'mimeType',
      'payTo',
      'maxTimeoutSeconds',
      'asset',
      'extra',
    ],
    properties: {
      scheme: { const: 'exact' },
      network: text('x402 v1 network name, for example `base-sepolia`.'),
      maxAmountRequired: text('Price in atomic USDC (6 decimals).'),
      resource: { type: 'string', format: 'uri' },
      description: { type: 'string' },
      mimeType: { type: 'string' },
      payTo: { type: 'string' },
      maxTimeoutSeconds: { type: 'integer' },
      asset: text('Address of USDC.'),
      extra: { type: 'object', properties: { name: { type: 'string' }, version: { type: 'string' } } },
    },
  };
  const terms = {
    type: 'object',
    properties: {
      x402Version: { const: 1 },
      price: { type: 'object', properties: { amount: text('Price in USD, for example `0.0100`.'), currency: { const: 'USD' } } },
      accepts: { type: 'array', items: requirement },
    },
  };
  const encoded = 'base64(JSON) of the x402 v2 terms `{x402Version: 2, error, resource, accepts}`.';
  return {
    description: `The terms, as an x402 v2 header and an x402 v1 body. Nothing was charged.\n\n${description}`,
    headers: {
      'PAYMENT-REQUIRED': { schema: { type: 'string' }, description: encoded },
      'X-Payment-Required': { schema: { type: 'string' }, description: 'The same as PAYMENT-REQUIRED.' },
    },
    content: {
      'application/json': {
        ...content['application/json'],
        schema: { allOf: [{ $ref: '#/components/schemas/Error' }, terms] },
      },
    },
  };
}
