import { z } from 'zod';
import type { PaymentPayload } from './authorization';
import type { Hex } from './networks';
import { readPaymentIdentifier } from './payment-identifier';

/** Longest payment header that is looked at, in characters; a contract wallet's signature can take some kilobytes. */
export const MAX_PAYMENT_HEADER_CHARS = 12_288;

const UINT256_MAX = (1n << 256n) - 1n;
const uint256 = z
  .string()
  .regex(/^[0-9]{1,78}$/)
  .transform((text) => BigInt(text))
  .refine((value) => value <= UINT256_MAX);
const lowerHex = (digits: number) =>
  z
    .string()
    .regex(new RegExp(`^0x[0-9a-fA-F]{${digits}}$`))
    .transform((text) => text.toLowerCase() as Hex);
const signature = z
  .string()
  .regex(/^0x(?:[0-9a-fA-F]{2})+$/)
  .transform((text) => text.toLowerCase() as Hex);

const exactPayload = z.object({
  signature,
  authorization: z.object({
    from: lowerHex(40),
    to: lowerHex(40),
    value: uint256,
    validAfter: uint256,
    validBefore: uint256,
    nonce: lowerHex(64),
  }),
});
const versionSchema = z.object({ x402Version: z.number() });
const v1Schema = z.object({ x402Version: z.literal(1), scheme: z.string(), network: z.string(), payload: exactPayload });
const v2Schema = z.object({
  x402Version: z.literal(2),
  accepted: z.object({ scheme: z.string(), network: z.string(), amount: z.string(), asset: z.string(), payTo: z.string() }),
  payload: exactPayload,
  extensions: z.unknown().optional(),
});

export type DecodedHeader =
  | { readonly kind: 'payment'; readonly payload: PaymentPayload }
  | { readonly kind: 'unsupported_version' }
  | { readonly kind: 'malformed'; readonly problem: string };

const malformed = (problem: string): DecodedHeader => ({ kind: 'malformed', problem });

function parseBase64Json(header: string): unknown {
  // Buffer.from drops characters that are not base64; comparing the alphabet first keeps garbage out.
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(header)) return undefined;
  try {
    return JSON.parse(Buffer.from(header, 'base64').toString('utf8')) as unknown;
  } catch {
    return undefined; // not JSON: the caller reports the header as malformed
  }
}

/**
 * Decodes `PAYMENT-SIGNATURE` or `X-PAYMENT`. The protocol version is read from the content, never from the header's
 * name, because buyers send v2 payloads under the v1 name.
 */
export function decodePaymentHeader(header: string): DecodedHeader {
  if (header.length > MAX_PAYMENT_HEADER_CHARS) return malformed(`longer than ${MAX_PAYMENT_HEADER_CHARS} characters`);
  const json = parseBase64Json(header.trim());
  if (json === undefined) return malformed('not base64 of JSON');
  const version = versionSchema.safeParse(json);
  if (!version.success) return malformed('x402Version is missing or not a number');
  if (version.data.x402Version !== 1 && version.data.x402Version !== 2) return { kind: 'unsupported_version' };

  const parsed = version.data.x402Version === 1 ? v1Schema.safeParse(json) : v2Schema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return malformed(issue === undefined ? 'does not match the schema' : `${issue.path.join('.')}: ${issue.message}`);
  }
  const { payload } = parsed.data;
  const { value: valueAtomic, ...authorization } = payload.authorization;
  const common = { authorization: { ...authorization, valueAtomic }, signature: payload.signature };
  if (parsed.data.x402Version === 1) {
    const { scheme, network } = parsed.data;
    return { kind: 'payment', payload: { ...common, x402Version: 1, scheme, network, accepted: null, paymentIdentifier: null } };
  }
  const identifier = readPaymentIdentifier(parsed.data.extensions);
  if (identifier.kind === 'malformed') return identifier;
  const paymentIdentifier = identifier.kind === 'identifier' ? identifier.id : null;
  const { scheme, network, amount, asset, payTo } = parsed.data.accepted;
  const accepted = { amount, asset, payTo };
  return { kind: 'payment', payload: { ...common, x402Version: 2, scheme, network, accepted, paymentIdentifier } };
}
