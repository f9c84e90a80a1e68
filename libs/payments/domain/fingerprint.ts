import { createHash } from 'node:crypto';

/** What a payment was sent with. The same payment with another fingerprint is a conflict. */
export interface PaidRequest {
  readonly method: string;
  /** Path and query, as received. */
  readonly path: string;
  /** SHA-256 of the raw body, hex. */
  readonly bodySha256: string;
  readonly payer: string;
}

export function sha256Hex(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** SHA-256 over the JSON array, whose quoting keeps the parts apart. */
export function fingerprintOf(request: PaidRequest): string {
  return sha256Hex(JSON.stringify([request.method, request.path, request.bodySha256, request.payer]));
}
