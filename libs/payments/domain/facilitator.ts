import { z } from 'zod';
import type { Hex, Network } from './networks';
import type { Payment } from './payment';

/** How x402 facilitators are asked and what they answer (version 2, scheme `exact`). */
const X402_VERSION = 2;
const SCHEME = 'exact';
/** The answer that carries a transaction and is no end. */
const SETTLEMENT_PENDING = 'settlement_pending';
const MAX_REASON_CHARS = 200;

export interface FacilitatorRequest {
  readonly x402Version: typeof X402_VERSION;
  readonly paymentPayload: unknown;
  readonly paymentRequirements: unknown;
}

/**
 * The body of `/verify` and `/settle`. The requirement is the authorization itself: a v1 buyer may pay more than the
 * price, and a facilitator takes the exact amount only.
 */
export function facilitatorRequest(
  payment: Pick<Payment, 'authorization' | 'signature'>,
  network: Network,
  maxTimeoutSeconds: number,
): FacilitatorRequest {
  const { from, to, valueAtomic, validAfter, validBefore, nonce } = payment.authorization;
  const requirements = {
    scheme: SCHEME,
    network: network.caip2,
    amount: valueAtomic.toString(),
    asset: network.usdc,
    payTo: to,
    maxTimeoutSeconds,
    extra: { ...network.usdcDomain },
  };
  const authorization = {
    from,
    to,
    value: valueAtomic.toString(),
    validAfter: validAfter.toString(),
    validBefore: validBefore.toString(),
    nonce,
  };
  const payload = { signature: payment.signature, authorization };
  return {
    x402Version: X402_VERSION,
    paymentPayload: { x402Version: X402_VERSION, accepted: requirements, payload },
    paymentRequirements: requirements,
  };
}

/** What a facilitator says of a settlement. None of it decides a payment; the chain does. */
export type SettleAnswer =
  | { readonly kind: 'succeeded' | 'pending'; readonly transactionHash: Hex }
  | { readonly kind: 'refused'; readonly reason: string; readonly transactionHash: Hex | null }
  /** It may have been settled: no answer in time, a server error, or one that makes no sense. */
  | { readonly kind: 'unknown'; readonly reason: string }
  /** The request never left: there was no connection. */
  | { readonly kind: 'not_sent'; readonly reason: string };

export type VerifyAnswer = { readonly kind: 'valid' } | { readonly kind: 'invalid'; readonly reason: string };

const hash = z
  .string()
  .regex(/^0x[0-9a-fA-F]{64}$/)
  .transform((text) => text.toLowerCase() as Hex);
const settleSchema = z.object({
  success: z.boolean(),
  errorReason: z.string().optional(),
  transaction: z.string().optional(),
});
const verifySchema = z.object({ isValid: z.boolean(), invalidReason: z.string().optional() });
const supportedSchema = z.object({
  kinds: z.array(z.object({ x402Version: z.number(), scheme: z.string(), network: z.string() })),
});

const cut = (reason: string | undefined): string => (reason ?? 'no reason given').slice(0, MAX_REASON_CHARS);

/** Null when the answer is not one of x402's. */
export function readSettleAnswer(json: unknown): SettleAnswer | null {
  const parsed = settleSchema.safeParse(json);
  if (!parsed.success) return null;
  const { success, errorReason, transaction } = parsed.data;
  const parsedHash = hash.safeParse(transaction);
  const transactionHash = parsedHash.success ? parsedHash.data : null;
  if (success)
    return transactionHash === null
      ? { kind: 'unknown', reason: 'success without a transaction' }
      : { kind: 'succeeded', transactionHash };
  if (errorReason !== SETTLEMENT_PENDING) return { kind: 'refused', reason: cut(errorReason), transactionHash };
  return transactionHash === null
    ? { kind: 'unknown', reason: `${SETTLEMENT_PENDING} without a transaction` }
    : { kind: 'pending', transactionHash };
}

/** Null when the answer is not one of x402's. */
export function readVerifyAnswer(json: unknown): VerifyAnswer | null {
  const parsed = verifySchema.safeParse(json);
  if (!parsed.success) return null;
  return parsed.data.isValid ? { kind: 'valid' } : { kind: 'invalid', reason: cut(parsed.data.invalidReason) };
}

/** Whether the answer of `/supported` names what we settle; null when it is not one of x402's. */
export function supportsNetwork(json: unknown, network: Network): boolean | null {
  const parsed = supportedSchema.safeParse(json);
  if (!parsed.success) return null;
  return parsed.data.kinds.some(
    (kind) => kind.x402Version === X402_VERSION && kind.scheme === SCHEME && kind.network === network.caip2,
  );
}
