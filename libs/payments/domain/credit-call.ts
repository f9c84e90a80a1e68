import { sha256Hex } from './fingerprint';
import type { Hex } from './networks';

/** Longest Idempotency-Key, in characters. */
export const MAX_IDEMPOTENCY_KEY_CHARS = 128;
const IDEMPOTENCY_KEY = /^[A-Za-z0-9._:-]+$/;

export function isIdempotencyKey(text: string): boolean {
  return text.length <= MAX_IDEMPOTENCY_KEY_CHARS && IDEMPOTENCY_KEY.test(text);
}

/** What stands for the nonce of a call on credit: with the wallet it is unique, so one key claims once. */
export function creditNonce(idempotencyKey: string): Hex {
  return `0x${sha256Hex(JSON.stringify(['credit', idempotencyKey]))}`;
}

export interface CreditRequest {
  readonly method: string;
  /** Path and query, as received. */
  readonly path: string;
  /** SHA-256 of the raw body, hex. */
  readonly bodySha256: string;
  readonly wallet: string;
}

/** The same key with another fingerprint is a conflict. */
export function creditFingerprint(request: CreditRequest): string {
  return sha256Hex(JSON.stringify(['credit', request.method, request.path, request.bodySha256, request.wallet]));
}

/** What a wallet's account says at one moment, under its lock. */
export interface CreditStanding {
  readonly balanceAtomic: bigint;
  /** Reserved by calls that run. */
  readonly heldAtomic: bigint;
  readonly debtAtomic: bigint;
  /** Part of the balance whose payment has not settled. */
  readonly pendingAtomic: bigint;
}

/** What may be spent now. Below zero when a top-up lost its block after it was spent. */
export function usableAtomic(standing: CreditStanding): bigint {
  return standing.balanceAtomic - standing.heldAtomic - standing.pendingAtomic;
}
