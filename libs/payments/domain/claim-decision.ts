import type { Hex } from './networks';
import type { PaymentState } from './payment-state';
import type { PayerKind, SettlementMode } from './payment';

/** What a claim asks for, and what the chain said of its payer at one block. */
export interface AskedClaim {
  readonly payer: Hex;
  readonly nonce: Hex;
  readonly fingerprint: string;
  readonly amountAtomic: bigint;
  readonly payerKind: PayerKind;
  /** Whether the operation may be answered before its payment settles. */
  readonly mayAnswerEarly: boolean;
  readonly balanceAtomic: bigint;
  readonly blockNumber: bigint;
  /** Nonces of live payments whose money has left the balance at this block already. */
  readonly spentNonces: readonly Hex[];
  /** The buyer's name for the request; one payment of a wallet holds it. */
  readonly paymentIdentifier?: string | null;
}

/** A payment whose money may still be in a balance that was read: it is live, or it settled in a later block. */
export interface ReservingPayment {
  readonly nonce: Hex;
  readonly amountAtomic: bigint;
  /** Null while it is live. */
  readonly settledAtBlock: bigint | null;
  readonly settlementMode: SettlementMode;
}

/** What the database knows of a payer. */
export interface PayerFacts {
  readonly reserving: readonly ReservingPayment[];
  readonly refusedLastHour: number;
  readonly hasSettled: boolean;
  /**
   * The chain refused a payment whose answer was released, and nothing has made up for it; or one ran out of time within a
   * day, which is no debt and costs us as much.
   */
  readonly hasDebt: boolean;
}

export interface KnownPayment {
  readonly state: PaymentState;
  readonly fingerprint: string;
  readonly voidRetryable: boolean;
}

export interface ClaimRules {
  readonly maxInFlightPerPayer: number;
  /** Payments that the chain refused within the last hour; at this number the wallet waits. */
  readonly maxRefusedPerPayerPerHour: number;
  /** Sum of unsettled payments whose answers are out already, of one wallet and of all. */
  readonly optimisticCapPerPayerAtomic: bigint;
  readonly optimisticCapTotalAtomic: bigint;
}

export type ClaimDecision =
  | { readonly kind: 'claim'; readonly settlementMode: SettlementMode; readonly isAgain: boolean }
  /** The authorization is known and may not be claimed (again). */
  | { readonly kind: 'existing' }
  /** Another payment of the wallet holds the identifier: it has the answer. */
  | { readonly kind: 'identifier_taken' }
  | { readonly kind: 'too_many_in_flight' }
  | { readonly kind: 'too_many_refused' }
  /** The balance does not cover this payment and those that are live; their nonces let the caller look again. */
  | { readonly kind: 'insufficient_funds'; readonly liveNonces: readonly Hex[] };

/** A retryable void is good again for the very request that it was voided for. */
export function mayClaimAgain(known: KnownPayment, fingerprint: string): boolean {
  return known.state === 'voided' && known.voidRetryable && known.fingerprint === fingerprint;
}

const NOTHING_KNOWN: PayerFacts = { reserving: [], refusedLastHour: 0, hasSettled: false, hasDebt: false };

/**
 * Decides claims one after the other from facts that hold still, because the locks of all their payers are held. What it
 * grants counts for the claims after it.
 */
export class ClaimDecisions {
  private readonly granted = new Map<Hex, ReservingPayment[]>();

  constructor(
    private readonly payers: ReadonlyMap<Hex, PayerFacts>,
    /** Sum of all unsettled payments whose answers are out. */
    private exposureAtomic: bigint,
    /** The nonce of the payment that holds an identifier, by `payer:identifier`. */
    private readonly identifiers = new Map<string, Hex>(),
  ) {}

  decide(asked: AskedClaim, known: KnownPayment | null, rules: ClaimRules): ClaimDecision {
    const granted = this.granted.get(asked.payer) ?? [];
    if (granted.some(({ nonce }) => nonce === asked.nonce)) return { kind: 'existing' };
    if (known !== null && !mayClaimAgain(known, asked.fingerprint)) return { kind: 'existing' };
    const named = asked.paymentIdentifier == null ? null : `${asked.payer}:${asked.paymentIdentifier}`;
    const holder = named === null ? undefined : this.identifiers.get(named);
    if (holder !== undefined && holder !== asked.nonce) return { kind: 'identifier_taken' };

    const facts = this.payers.get(asked.payer) ?? NOTHING_KNOWN;
    const reserving = [...facts.reserving.filter((one) => mayBeInBalance(one, asked.blockNumber)), ...granted];
    if (reserving.length >= rules.maxInFlightPerPayer) return { kind: 'too_many_in_flight' };
    if (facts.refusedLastHour >= rules.maxRefusedPerPayerPerHour) return { kind: 'too_many_refused' };
    const spent = new Set(asked.spentNonces);
    if (asked.balanceAtomic - sum(reserving.filter(({ nonce }) => !spent.has(nonce))) < asked.amountAtomic)
      return { kind: 'insufficient_funds', liveNonces: reserving.map(({ nonce }) => nonce) };

    const settlementMode = this.modeOf(asked, facts, reserving, rules);
    this.granted.set(asked.payer, [
      ...granted,
      { nonce: asked.nonce, amountAtomic: asked.amountAtomic, settledAtBlock: null, settlementMode },
    ]);
    if (named !== null) this.identifiers.set(named, asked.nonce);
    if (settlementMode === 'optimistic') this.exposureAtomic += asked.amountAtomic;
    return { kind: 'claim', settlementMode, isAgain: known !== null };
  }

  /** Who has paid before, owes nothing and has little outstanding need not wait for the chain. Anybody else waits. */
  private modeOf(
    asked: AskedClaim,
    facts: PayerFacts,
    reserving: readonly ReservingPayment[],
    rules: ClaimRules,
  ): SettlementMode {
    if (!asked.mayAnswerEarly || asked.payerKind !== 'eoa' || !facts.hasSettled || facts.hasDebt) return 'confirm';
    const outstanding = sum(reserving.filter((one) => one.settlementMode === 'optimistic' && one.settledAtBlock === null));
    if (outstanding + asked.amountAtomic > rules.optimisticCapPerPayerAtomic) return 'confirm';
    if (this.exposureAtomic + asked.amountAtomic > rules.optimisticCapTotalAtomic) return 'confirm';
    return 'optimistic';
  }
}

const sum = (payments: readonly ReservingPayment[]): bigint =>
  payments.reduce((total, { amountAtomic }) => total + amountAtomic, 0n);

const mayBeInBalance = (payment: ReservingPayment, blockNumber: bigint): boolean =>
  payment.settledAtBlock === null || payment.settledAtBlock > blockNumber;
