import { PaymentRequiredV1Schema, PaymentRequiredV2Schema } from '@x402/core/schemas';
import { z } from 'zod';
import { NETWORK, PAY_TO } from './stack';

/** Every error answer, as BlockRun's buyers and ours read it. */
export const errorAnswer = z.looseObject({
  error: z.string().min(1),
  message: z.string().min(1),
  code: z.string().min(1),
  suggestion: z.string().min(1),
  retryable: z.boolean(),
  charged: z.literal(false),
  request_id: z.uuid(),
});

const issue = z.strictObject({
  code: z.string().min(1),
  path: z.array(z.union([z.string(), z.number().int()])),
  message: z.string().min(1),
  expected: z.string().optional(),
  received: z.string().optional(),
});
/** The issues of a body that was refused. */
export const issues = z.array(issue).min(1);

const address = z.string().regex(/^0x[0-9a-fA-F]{40}$/);
const common = { scheme: z.literal('exact'), payTo: address, asset: address, maxTimeoutSeconds: z.number().int().min(60) };

/** What v1 buyers demand of a requirement: strict, so that a key they refuse (`outputSchema: null`) fails. */
const requirementV1 = z.strictObject({
  ...common,
  network: z.literal('base-sepolia'),
  maxAmountRequired: z.string().regex(/^[1-9][0-9]*$/),
  resource: z.url({ protocol: /^https?$/ }),
  description: z.string().min(1),
  mimeType: z.literal('application/json'),
  extra: z.strictObject({ name: z.literal('USDC'), version: z.literal('2') }),
});
const bodyV1 = z.looseObject({
  x402Version: z.literal(1),
  error: z.string().min(1),
  message: z.string().min(1),
  price: z.strictObject({ amount: z.string().regex(/^[0-9]+\.[0-9]{4,6}$/), currency: z.literal('USD') }),
  accepts: z.array(requirementV1).length(1),
});
const headerV2 = z.strictObject({
  x402Version: z.literal(2),
  error: z.string().min(1),
  resource: z.strictObject({
    url: z.url({ protocol: /^https?$/ }),
    description: z.string().min(1),
    mimeType: z.literal('application/json'),
  }),
  accepts: z
    .array(
      z.strictObject({
        ...common,
        network: z.literal('eip155:84532'),
        amount: z.string().regex(/^[1-9][0-9]*$/),
        extra: z.strictObject({ name: z.literal('USDC'), version: z.literal('2') }),
      }),
    )
    .length(1),
  extensions: z.looseObject({}),
});

export type TermsV1 = z.output<typeof bodyV1>;
export type TermsV2 = z.output<typeof headerV2>;

export const fromBase64Json = (text: string): unknown => JSON.parse(Buffer.from(text, 'base64').toString('utf8'));

/** By the second part of the operation's name. */
export const PRICE_ATOMIC = {
  create: '10000',
  exec: '1000',
  status: '1000',
  terminate: '1000',
  run: '12000',
  snapshot: '10000',
  tunnel: '1000',
  /** The amount that the body asks for; the example asks for this one. */
  topup: '10000',
} as const;
export type SoldCall = keyof typeof PRICE_ATOMIC;
const usd = (atomic: string): string => (Number(atomic) / 1_000_000).toFixed(4);

export interface AnyAnswer {
  readonly status: number;
  readonly text: string;
  header(name: string): string | undefined;
}

/**
 * Holds a 402 against both protocols, by the official schemas and by the stricter ones above, and both against the
 * price of the call.
 */
export function expectTerms(answer: AnyAnswer, call: SoldCall): { v1: TermsV1; v2: TermsV2 } {
  const header = answer.header('payment-required') ?? '';
  expect(answer.header('x-payment-required')).toBe(header);
  const json: unknown = JSON.parse(answer.text);
  expect(PaymentRequiredV1Schema.safeParse(json).error).toBeUndefined();
  expect(PaymentRequiredV2Schema.safeParse(fromBase64Json(header)).error).toBeUndefined();
  const v1 = bodyV1.parse(json);
  const v2 = headerV2.parse(fromBase64Json(header));
  const priceAtomic = PRICE_ATOMIC[call];
  expect(v1.price.amount).toBe(usd(priceAtomic));
  expect(v1.accepts[0]).toMatchObject({ maxAmountRequired: priceAtomic, payTo: PAY_TO, asset: NETWORK.usdc });
  expect(v2.accepts[0]).toMatchObject({ amount: priceAtomic, payTo: PAY_TO, asset: NETWORK.usdc });
  expect(v1.accepts[0]!.resource).toBe(v2.resource.url);
  // A buyer that finds a receipt on an answer takes the payment for settled.
  for (const name of ['x-payment-response', 'x-payment-receipt']) expect(answer.header(name)).toBeUndefined();
  return { v1, v2 };
}

/** Holds a refusal against the common keys of every error. */
export function expectRefusal(answer: AnyAnswer, expected: { status: number; code: string }): z.output<typeof errorAnswer> {
  const body = errorAnswer.parse(JSON.parse(answer.text));
  expect({ status: answer.status, code: body.code }).toEqual(expected);
  expect(answer.header('content-type')).toBe('application/json; charset=utf-8');
  return body;
}
