import { executed } from '@tollbox/ledger/domain/postings/payment';
import type {
  ClaimLimits,
  ClaimRef,
  ClaimResult,
  FundsAtBlock,
  NewClaim,
  PaymentStore,
  VoidVerdict,
} from '@tollbox/payments/application/ports/payment-store';
import { ClaimDecisions, mayClaimAgain, type PayerFacts } from '@tollbox/payments/domain/claim-decision';
import type { Hex } from '@tollbox/payments/domain/networks';
import type { Payment, PaymentKey, StoredAnswer } from '@tollbox/payments/domain/payment';
import { RESERVING_STATES } from '@tollbox/payments/domain/payment-state';
import { moneyOf } from '@tollbox/payments/infrastructure/settlement-rows';
import type { ModelData, PaymentRow } from './model-data';

const isReserving = ({ state }: PaymentRow): boolean => RESERVING_STATES.some((one) => one === state);

const byNonce = (one: PaymentRow, other: PaymentRow): number => one.key.nonce.localeCompare(other.key.nonce);

/** The gateway's side of the database. */
export class ModelPayments implements PaymentStore {
  constructor(private readonly data: ModelData) {}

  private row(key: PaymentKey): PaymentRow | undefined {
    return [...this.data.payments.values()].find((row) => row.key.payer === key.payer && row.key.nonce === key.nonce);
  }

  private asPayment(row: PaymentRow | undefined): Payment | null {
    return row === undefined ? null : this.data.toPayment(row);
  }

  find(key: PaymentKey): Promise<Payment | null> {
    return Promise.resolve(this.asPayment(this.row(key)));
  }

  /** The model's buyers name no requests. */
  findByIdentifier(): Promise<null> {
    return Promise.resolve(null);
  }

  findById(id: string): Promise<Payment | null> {
    return Promise.resolve(this.asPayment(this.data.payments.get(id)));
  }

  refresh(payment: Payment): Promise<Payment> {
    return Promise.resolve(this.data.toPayment(this.data.payment(payment.id)));
  }

  readAnswer(id: string): Promise<StoredAnswer | null> {
    return Promise.resolve(this.data.payments.get(id)?.answer ?? null);
  }

  claim(claim: NewClaim, funds: FundsAtBlock, limits: ClaimLimits): Promise<ClaimResult> {
    const known = this.row(claim.key);
    const decisions = new ClaimDecisions(new Map([[claim.key.payer, this.facts(claim.key.payer)]]), this.exposure());
    const decision = decisions.decide(
      {
        payer: claim.key.payer,
        nonce: claim.key.nonce,
        fingerprint: claim.fingerprint,
        amountAtomic: claim.authorization.valueAtomic,
        payerKind: claim.payerKind,
        mayAnswerEarly: claim.mayAnswerEarly,
        ...funds,
      },
      known ?? null,
      limits,
    );
    if (decision.kind === 'existing' && known !== undefined)
      return Promise.resolve({ kind: 'existing', payment: this.data.toPayment(known) });
    if (decision.kind === 'existing') throw new Error('a claim alone cannot meet another one');
    if (decision.kind !== 'claim') return Promise.resolve(decision);
    const row = known === undefined ? this.insert(claim) : this.again(known, claim);
    row.operationId = this.data.newId();
    row.priceAtomic = claim.priceAtomic;
    row.settlementMode = decision.settlementMode;
    row.leaseHolder = limits.leaseHolder;
    row.leaseUntilMs = this.data.clock.nowMs + limits.leaseMs;
    row.claimedAtBlock = funds.blockNumber;
    return Promise.resolve({ kind: 'claimed', payment: this.data.toPayment(row) });
  }

  private facts(payer: Hex): PayerFacts {
    const rows = [...this.data.payments.values()].filter((row) => row.key.payer === payer);
    return {
      reserving: rows
        .filter((row) => isReserving(row) || row.state === 'settled')
        .map((row) => ({
          nonce: row.key.nonce,
          amountAtomic: row.authorization.valueAtomic,
          settledAtBlock: row.state === 'settled' ? row.blockNumber : null,
          settlementMode: row.settlementMode,
        })),
      refusedLastHour: rows.filter(({ state }) => state === 'failed').length,
      hasSettled: rows.some(({ state }) => state === 'settled'),
      hasDebt: rows.some(
        (row) =>
          row.settlementMode === 'optimistic' && (row.state === 'expired' || (row.state === 'failed' && !row.isDebtCleared)),
      ),
    };
  }

  private exposure(): bigint {
    return [...this.data.payments.values()]
      .filter((row) => row.settlementMode === 'optimistic' && isReserving(row))
      .reduce((sum, row) => sum + row.authorization.valueAtomic, 0n);
  }

  private insert(claim: NewClaim): PaymentRow {
    const row: PaymentRow = {
      id: this.data.newId(),
      rail: 'x402',
      key: claim.key,
      state: 'claimed',
      attempt: 1,
      operation: claim.operation,
      operationId: '',
      x402Version: claim.x402Version,
      authorization: claim.authorization,
      signature: claim.signature,
      payerKind: claim.payerKind,
      priceAtomic: claim.priceAtomic,
      fingerprint: claim.fingerprint,
      leaseHolder: null,
      voidCode: null,
      voidRetryable: false,
      failReason: null,
      transactionHash: null,
      claimedAtBlock: 0n,
      settlementTransactionId: null,
      settlementMode: 'confirm',
      round: 1,
      leaseUntilMs: 0,
      answer: null,
      queuedAtMs: 0,
      blockNumber: null,
      blockHash: null,
      isRevoked: false,
      isDebtCleared: false,
    };
    this.data.payments.set(row.id, row);
    this.data.changes += 1;
    this.data.events.push({ paymentId: row.id, from: null, to: 'claimed' });
    return row;
  }

  private again(row: PaymentRow, claim: NewClaim): PaymentRow {
    if (!mayClaimAgain(row, claim.fingerprint)) throw new Error('only a retryable void may be claimed again');
    this.data.move(row, 'claimed');
    Object.assign(row, { attempt: row.attempt + 1, voidCode: null, voidRetryable: false, answer: null });
    return row;
  }

  private held(claim: ClaimRef): PaymentRow | null {
    const row = this.data.payment(claim.paymentId);
    const isHeld = row.state === 'claimed' && row.attempt === claim.attempt && row.leaseHolder === claim.leaseHolder;
    return isHeld ? row : null;
  }

  renewLease(claim: ClaimRef, leaseMs: number): Promise<boolean> {
    const row = this.held(claim);
    if (row !== null) row.leaseUntilMs = this.data.clock.nowMs + leaseMs;
    return Promise.resolve(row !== null);
  }

  complete(claim: ClaimRef, answer: StoredAnswer): Promise<boolean> {
    const row = this.held(claim);
    if (row === null) return Promise.resolve(false);
    this.data.move(row, 'queued');
    Object.assign(row, { answer, leaseHolder: null, queuedAtMs: this.data.clock.nowMs });
    this.data.book(executed(moneyOf(this.data.toPayment(row))));
    return Promise.resolve(true);
  }

  void(claim: ClaimRef, verdict: VoidVerdict): Promise<boolean> {
    const row = this.held(claim);
    if (row === null) return Promise.resolve(false);
    this.data.move(row, 'voided');
    Object.assign(row, { answer: verdict.answer, voidCode: verdict.code, voidRetryable: verdict.retryable, leaseHolder: null });
    return Promise.resolve(true);
  }

  takeOverExpiredClaim(paymentId: string, attempt: number, leaseHolder: string, leaseMs: number): Promise<ClaimRef | null> {
    const row = this.data.payment(paymentId);
    const isExpired = row.state === 'claimed' && row.attempt === attempt && row.leaseUntilMs < this.data.clock.nowMs;
    if (!isExpired) return Promise.resolve(null);
    Object.assign(row, { leaseHolder, leaseUntilMs: this.data.clock.nowMs + leaseMs });
    return Promise.resolve({ paymentId, attempt, leaseHolder });
  }

  listExpiredClaims(limit: number): Promise<readonly Payment[]> {
    return this.list((row) => row.state === 'claimed' && row.leaseUntilMs < this.data.clock.nowMs, limit);
  }

  listToRevoke(limit: number): Promise<readonly Payment[]> {
    return this.list((row) => (row.state === 'failed' || row.state === 'expired') && !row.isRevoked, limit);
  }

  markRevoked(paymentId: string): Promise<void> {
    this.data.payment(paymentId).isRevoked = true;
    return Promise.resolve();
  }

  purgeAnswers(): Promise<number> {
    return Promise.resolve(0);
  }

  private list(fits: (row: PaymentRow) => boolean, limit: number): Promise<readonly Payment[]> {
    const rows = [...this.data.payments.values()].filter(fits).sort(byNonce).slice(0, limit);
    return Promise.resolve(rows.map((row) => this.data.toPayment(row)));
  }
}
