import type { PhaseObserver } from '@tollbox/platform/faults/phase-boundaries';
import { composeBatch, type BatchPolicy } from '../domain/batch-policy';
import type { Hex } from '../domain/networks';
import type { OpenBatch, OpenBatches } from './open-batches';
import type { EvmChain } from './ports/evm-chain';
import type { PayerCodeGas } from './ports/payer-code-gas';
import type { SendReport } from './ports/settlement-rail';
import type { Lease, QueuedPayment, SettlementStore, StoreBatch, StoredBatch, Verdict } from './ports/settlement-store';
import type { KeyLook, SettlementWallet, SimulatedBatch, TransferOutlook } from './ports/settlement-wallet';
import { NO_REFUSAL, type ResolvePayment } from './resolve-payment';

export interface SendBatchOptions {
  readonly policy: BatchPolicy;
  readonly maxInFlight: number;
  /** Above this price of gas the queue waits. */
  readonly maxFeePerGasWei: bigint;
  /** Gas limit of a transfer that goes alone. A payer's own code (EIP-1271) can use up no more, here and in the check before. */
  readonly singleGasLimit: bigint;
  readonly onProblem: (error: unknown, what: string) => void;
}

/** A payment that the chain would not take now and does not refuse for good is looked at again after this time, doubling. */
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 5_000;
/** A payer whose code appeared is settled alone for this long; then it is looked at again. */
const CODE_MS = 600_000;
/** While gas costs more than the ceiling, its price is read this often. */
const CEILING_RETRY_MS = 1_000;

interface Refused {
  readonly payment: QueuedPayment;
  readonly outlook: Exclude<TransferOutlook, { kind: 'payable' }>;
  /** The look that it was refused at in the company of others; null when it was alone. */
  readonly inCompanyAt: KeyLook | null;
}

interface Taken {
  readonly stored: StoredBatch | null;
  readonly payments: readonly QueuedPayment[];
  readonly refused: readonly Refused[];
  readonly lookAgainMs: number | null;
}

const nothing = (lookAgainMs: number | null): Taken => ({ stored: null, payments: [], refused: [], lookAgainMs });

/**
 * Sends queued payments in batches. The order of steps is the safety: lock the payments, read the chain, sign, store the
 * bytes under the lease, send. A payment that the chain would refuse costs no gas and nobody else's time.
 */
export class SendBatch {
  private readonly retries = new Map<string, { atMs: number; pauseMs: number }>();
  /** Plain accounts that have code since their claim, until when they are taken for contract wallets. */
  private readonly withCode = new Map<Hex, number>();
  private turns = 0;
  /** Halved while the node cannot run a batch at once. */
  private largest: number;

  constructor(
    private readonly store: SettlementStore,
    private readonly chain: EvmChain,
    private readonly wallet: SettlementWallet,
    private readonly resolve: ResolvePayment,
    private readonly open: OpenBatches,
    private readonly payerCodeGas: PayerCodeGas,
    private readonly phases: PhaseObserver,
    private readonly options: SendBatchOptions,
  ) {
    this.largest = options.policy.size;
  }

  async send(lease: Lease): Promise<SendReport> {
    if (this.open.inFlight >= this.options.maxInFlight) return { taken: 0, lookAgainMs: null };
    const selection = {
      limit: this.options.policy.size,
      // Every other turn serves those first whose time runs out, so that waiting payers cannot hold them up for ever.
      order: this.turns++ % 2 === 0 ? 'waiting_payers_first' : 'deadline_first',
      except: this.waiting(),
    } as const;
    const taken = await this.store.takeQueued(selection, (queued, storeBatch) => this.take(lease, queued, storeBatch));
    if (taken.stored !== null) {
      this.phases.reached('transaction_stored');
      await this.submit([this.open.add(taken.stored, taken.payments.map(asBroadcast(taken.stored.id)))]);
    }
    const decided = await this.examine(taken.refused);
    return { taken: taken.payments.length + decided, lookAgainMs: taken.lookAgainMs };
  }

  /** Gives stored bytes to the node, again if need be: the same bytes can be mined only once. */
  async submit(batches: readonly OpenBatch[]): Promise<void> {
    if (batches.length === 0) return;
    try {
      await this.wallet.send(batches.map((batch) => batch.newest.raw));
      this.phases.reached('transaction_sent');
      for (const batch of batches) batch.sent.add(batch.newest.id);
    } catch (error) {
      // Sent or not is unknown now. The bytes are stored: they are looked for and sent again.
      this.options.onProblem(error, `sending ${batches.map((batch) => batch.newest.hash).join(', ')}`);
    }
    for (const batch of batches) batch.lastSentAtMs = Date.now();
  }

  /** Runs while the payments are locked. */
  private async take(lease: Lease, queued: readonly QueuedPayment[], storeBatch: StoreBatch): Promise<Taken> {
    const nowMs = Date.now();
    const candidates = queued.map((payment) => ({
      payment,
      payerKind: this.hasCode(payment.key.payer, nowMs) ? ('contract' as const) : payment.payerKind,
      settlementMode: payment.settlementMode,
      round: payment.round,
      queuedForMs: payment.queuedForMs,
      timeLeftMs: Number(payment.authorization.validBefore) * 1000 - nowMs,
    }));
    const composed = composeBatch(candidates, this.options.policy);
    if (composed.kind === 'wait') return nothing(composed.forMs);
    const chosen = composed.batch.slice(0, this.largest).map(({ payment }) => payment);
    const runsPayerCode = composed.batch[0]?.payerKind === 'contract';
    const { look, outlooks, withCode } = await this.outlooksOf(chosen, runsPayerCode);
    if (look.fees.maxFeePerGasWei > this.options.maxFeePerGasWei) {
      this.options.onProblem(new Error(`gas costs ${look.fees.maxFeePerGasWei} wei, more than the ceiling`), 'settlement waits');
      return nothing(CEILING_RETRY_MS);
    }
    if (withCode.length > 0) {
      for (const payer of withCode) this.withCode.set(payer, nowMs + CODE_MS);
      return nothing(0);
    }
    if (outlooks === null) {
      this.largest = Math.max(1, Math.floor(chosen.length / 2));
      return nothing(0);
    }
    if (this.largest < this.options.policy.size) this.largest *= 2;
    const payments = chosen.filter((_, index) => outlooks[index]?.kind === 'payable');
    const refused = chosen.flatMap((payment, index): Refused[] => {
      const outlook = outlooks[index];
      return outlook === undefined || outlook.kind === 'payable'
        ? []
        : [{ payment, outlook, inCompanyAt: chosen.length > 1 ? look : null }];
    });
    if (payments.length === 0) return { stored: null, payments, refused, lookAgainMs: null };
    const stored = await storeBatch(lease, this.wallet.address, payments, async (freeNonce) => {
      // Nonces of stored transactions count even when the node has forgotten them.
      const evmNonce = freeNonce > look.pendingNonce ? freeNonce : look.pendingNonce;
      return { ...(await this.wallet.signTransfers(payments, evmNonce, look.fees)), evmNonce, runsPayerCode };
    });
    return { stored, payments, refused, lookAgainMs: null };
  }

  private async outlooksOf(chosen: readonly QueuedPayment[], runsPayerCode: boolean): Promise<SimulatedBatch> {
    const [only] = chosen;
    if (runsPayerCode && only !== undefined) return this.outlookOfCode(only);
    // What failed in a batch although the reads spoke for it is run before it is sent again.
    const simulated = await this.wallet.simulate(chosen, chosen.every(({ round }) => round === 1) ? 'reads' : 'execution');
    const cannotRun = simulated.outlooks === null && simulated.withCode.length === 0;
    if (!cannotRun || only === undefined || chosen.length > 1) return simulated;
    return { ...simulated, outlooks: [await this.outlookAlone(only, simulated.look)] };
  }

  /** A wallet with code goes alone, and only while there is gas for it; until then it waits as long as its time lasts. */
  private async outlookOfCode(payment: QueuedPayment): Promise<SimulatedBatch> {
    const look = await this.wallet.look();
    if (!(await this.payerCodeGas.isSpokenFor()))
      return { look, withCode: [], outlooks: [await this.outlookAlone(payment, look)] };
    this.options.onProblem(new Error('wallets with code have used up their gas of this hour'), `payment ${payment.id} waits`);
    return { look, withCode: [], outlooks: [{ kind: 'refused', reason: NO_REFUSAL }] };
  }

  /**
   * As the transaction itself will look to a payer's own code: sender, gas and price. That code can keep a node from
   * answering, so no answer where the node has one to other questions is this payment's own trouble: it holds up nobody.
   */
  private async outlookAlone(payment: QueuedPayment, look: KeyLook): Promise<TransferOutlook> {
    const { payer, nonce } = payment.key;
    const as = { from: this.wallet.address, gasLimit: this.options.singleGasLimit, fees: look.fees };
    const [snapshot, simulation] = await Promise.all([
      this.chain.payerSnapshot(payer, [nonce]),
      this.chain.simulateTransfer(payment.authorization, payment.signature, as).catch((error: unknown) => {
        this.options.onProblem(error, `simulating payment ${payment.id}`);
        return { kind: 'reverted', reason: NO_REFUSAL } as const;
      }),
    ]);
    if (snapshot.used.get(nonce) === true) return { kind: 'used' };
    return simulation.kind === 'ok' ? { kind: 'payable' } : { kind: 'refused', reason: simulation.reason };
  }

  /** Each refused payment by itself, decided only by what the chain proves. */
  private async examine(refused: readonly Refused[]): Promise<number> {
    if (refused.length === 0) return 0;
    const verdicts = await Promise.all(
      refused.map(async (one) => {
        const { payment } = one;
        try {
          return await this.verdictOn(one);
        } catch (error) {
          this.options.onProblem(error, `checking payment ${payment.id}`);
          return null;
        }
      }),
    );
    refused.forEach(({ payment }, index) => this.noteRetry(payment.id, verdicts[index] === null));
    return this.store.decide(verdicts.filter((verdict) => verdict !== null));
  }

  /** A refusal in company may be the doing of others, so one that the chain does not prove is asked for again, alone. */
  private async verdictOn({ payment, outlook, inCompanyAt }: Refused): Promise<Verdict | null> {
    if (outlook.kind === 'used') return this.resolve.fromUsedNonce(payment);
    const verdict = await this.resolve.fromRefusal(payment, outlook.reason);
    if (verdict?.to !== 'failed' || verdict.reason !== outlook.reason || inCompanyAt === null) return verdict;
    const alone = await this.outlookAlone(payment, inCompanyAt);
    return alone.kind === 'refused' ? this.resolve.fromRefusal(payment, alone.reason) : null;
  }

  private hasCode(payer: Hex, nowMs: number): boolean {
    const untilMs = this.withCode.get(payer);
    if (untilMs !== undefined && untilMs < nowMs) this.withCode.delete(payer);
    return untilMs !== undefined && untilMs >= nowMs;
  }

  private noteRetry(paymentId: string, staysOpen: boolean): void {
    const before = this.retries.get(paymentId);
    if (!staysOpen) this.retries.delete(paymentId);
    else {
      const pauseMs = Math.min((before?.pauseMs ?? FIRST_RETRY_MS / 2) * 2, LAST_RETRY_MS);
      this.retries.set(paymentId, { atMs: Date.now() + pauseMs, pauseMs });
    }
  }

  /** Payments whose next look is not due. One that is long gone from the queue is forgotten. */
  private waiting(): string[] {
    const nowMs = Date.now();
    for (const [id, { atMs }] of this.retries) if (atMs + 2 * LAST_RETRY_MS < nowMs) this.retries.delete(id);
    return [...this.retries].filter(([, { atMs }]) => atMs > nowMs).map(([id]) => id);
  }
}

const asBroadcast = (batchId: string) => (payment: QueuedPayment) =>
  ({ ...payment, state: 'broadcast', settlementTransactionId: batchId }) as const;
