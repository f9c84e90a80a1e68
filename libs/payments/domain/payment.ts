import type { Authorization } from './authorization';
import type { Caip2, Hex } from './networks';
import type { PaymentState } from './payment-state';

/** What identifies an authorization on its chain. Nonces are per payer. */
export interface PaymentKey {
  readonly network: Caip2;
  readonly asset: Hex;
  readonly payer: Hex;
  readonly nonce: Hex;
}

export type PayerKind = 'eoa' | 'contract';
export type SettlementMode = 'confirm' | 'optimistic';

/** An answer as bytes: what every replay of the payment gets. */
export interface StoredAnswer {
  readonly status: number;
  readonly body: Buffer;
  /** Null for JSON. */
  readonly mediaType: string | null;
}

/** What pays: an authorization on the chain, or the wallet's prepaid credits. */
export type PaymentRail = 'x402' | 'credit';

/** A row of the payments table, as the application sees it. A call on credit has no signature and no block. */
export interface Payment {
  readonly id: string;
  readonly rail: PaymentRail;
  readonly key: PaymentKey;
  readonly state: PaymentState;
  readonly attempt: number;
  readonly operation: string;
  readonly operationId: string;
  readonly x402Version: 1 | 2;
  readonly authorization: Authorization;
  readonly signature: Hex;
  readonly payerKind: PayerKind;
  readonly priceAtomic: bigint;
  readonly fingerprint: string;
  readonly leaseHolder: string | null;
  readonly leaseExpired: boolean;
  readonly answerExpired: boolean;
  readonly voidCode: string | null;
  readonly voidRetryable: boolean;
  readonly failReason: string | null;
  readonly transactionHash: Hex | null;
  readonly claimedAtBlock: bigint;
  readonly settlementTransactionId: string | null;
  readonly settlementMode: SettlementMode;
  /** How often it has been queued; the books count its events by it. */
  readonly round: number;
}

/** Whether the payment moved money, as far as is known. */
export function chargedOf(payment: Payment): boolean | 'unknown' {
  switch (payment.state) {
    case 'settled':
      return true;
    case 'voided':
    case 'failed':
    case 'expired':
      return false;
    case 'claimed':
    case 'queued':
    case 'broadcast':
    case 'unknown':
      return 'unknown';
  }
}
