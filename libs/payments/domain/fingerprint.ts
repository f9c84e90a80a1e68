import { createHash } from 'node:crypto';
import type { Authorization } from './authorization';

/** What a payment was sent with. The same payment with another fingerprint is a conflict. */
export interface PaidRequest {
  readonly method: string;
  /** Path and query, as received. */
  readonly path: string;
  /** SHA-256 of the raw body, hex. */
  readonly bodySha256: string;
  /** All of it: a payer can sign two authorizations with one nonce. */
  readonly authorization: Authorization;
  /** Not on the chain: whoever rebuilds the payment from there does not know it. */
  readonly paymentIdentifier: string | null;
}

export function sha256Hex(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** SHA-256 over the JSON array, whose quoting keeps the parts apart. */
export function fingerprintOf(request: PaidRequest): string {
  const { from, to, valueAtomic, validAfter, validBefore, nonce } = request.authorization;
  const numbers = [valueAtomic, validAfter, validBefore].map(String);
  const identifier = request.paymentIdentifier === null ? [] : [request.paymentIdentifier];
  return sha256Hex(
    JSON.stringify([request.method, request.path, request.bodySha256, from, to, nonce, ...numbers, ...identifier]),
  );
}
