import type { Hex } from '../../domain/networks';
import type { Payment, PaymentKey } from '../../domain/payment';
import type { ClaimLimits } from './payment-store';

export interface NewCreditClaim {
  readonly key: PaymentKey;
  readonly payTo: Hex;
  readonly operation: string;
  readonly priceAtomic: bigint;
  /** Transaction fee within the price. */
  readonly feeAtomic: bigint;
  readonly priceListVersion: number;
  readonly fingerprint: string;
  readonly method: string;
  readonly path: string;
  readonly bodySha256: string;
}

export type CreditClaimResult =
  | { readonly kind: 'claimed'; readonly payment: Payment }
  /** The key is known and may not be claimed (again). */
  | { readonly kind: 'existing'; readonly payment: Payment }
  | { readonly kind: 'insufficient'; readonly usableAtomic: bigint }
  | { readonly kind: 'in_debt'; readonly debtAtomic: bigint };

export interface CreditClaims {
  /** One transaction under the lock of the wallet's account: look again, pay what is owed, weigh, hold the price, insert. */
  claim(claim: NewCreditClaim, limits: Pick<ClaimLimits, 'leaseHolder' | 'leaseMs'>): Promise<CreditClaimResult>;
}
