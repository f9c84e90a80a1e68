import type { PayerKind, SettlementMode } from './payment';

/** What composing a batch needs to know of a queued payment. */
export interface BatchCandidate {
  readonly payerKind: PayerKind;
  readonly settlementMode: SettlementMode;
  /** How often it has been queued. */
  readonly round: number;
  readonly queuedForMs: number;
  /** Until the authorization ends, by our clock. */
  readonly timeLeftMs: number;
}

export interface BatchPolicy {
  readonly size: number;
  /** Optimistic payments wait this long for company. */
  readonly maxAgeMs: number;
  /** A payment with less time left than this is sent at once. */
  readonly urgentBelowMs: number;
}

export type Composition<T> =
  | { readonly kind: 'send'; readonly batch: readonly T[] }
  /** Nothing is due before this time, unless more is queued. */
  | { readonly kind: 'wait'; readonly forMs: number };

/**
 * The next batch, from candidates in the order of preference. A payer who waits for his answer is never held back for
 * company: what has gathered goes. A contract wallet goes alone, because its own code runs. Every round of a payment
 * halves the batch it may be part of, so what spoils a batch ends up alone.
 */
export function composeBatch<T extends BatchCandidate>(candidates: readonly T[], policy: BatchPolicy): Composition<T> {
  const [first] = candidates;
  if (first === undefined) return { kind: 'wait', forMs: policy.maxAgeMs };
  const dueInMs = Math.min(...candidates.map((candidate) => dueIn(candidate, policy)));
  if (dueInMs > 0 && candidates.length < policy.size) return { kind: 'wait', forMs: dueInMs };
  if (first.payerKind === 'contract') return { kind: 'send', batch: [first] };
  const batch: T[] = [];
  let size = policy.size;
  for (const candidate of candidates) {
    if (candidate.payerKind === 'contract') continue;
    const smaller = Math.min(size, largestBatchOf(candidate, policy));
    if (batch.length >= smaller) continue;
    size = smaller;
    batch.push(candidate);
  }
  return { kind: 'send', batch };
}

function largestBatchOf(candidate: BatchCandidate, policy: BatchPolicy): number {
  return Math.max(1, Math.ceil(policy.size / 2 ** (candidate.round - 1)));
}

function dueIn(candidate: BatchCandidate, policy: BatchPolicy): number {
  if (candidate.settlementMode === 'confirm' || candidate.round > 1) return 0;
  return Math.max(0, Math.min(policy.maxAgeMs - candidate.queuedForMs, candidate.timeLeftMs - policy.urgentBelowMs));
}
