import type { PhaseObserver } from '@tollbox/platform/faults/phase-boundaries';
import type { Payment } from '../domain/payment';
import type { EvmChain, FeeQuote, SettlementWallet } from './ports/evm-chain';
import type { Lease, SettlementStore, StoredTransaction } from './ports/settlement-store';
import type { ResolvePayment } from './resolve-payment';

export interface SendQueuedOptions {
  /** Above this price of gas the queue waits. */
  readonly maxFeePerGasWei: bigint;
  /** Gas limit of one settlement. A payer's own code (EIP-1271) can use up no more, here and in the check before. */
  readonly gasLimit: bigint;
  readonly onProblem: (error: unknown, what: string) => void;
}

/**
 * Sends queued payments, one transaction each. The order of steps is the safety: read the chain, sign, store the bytes
 * under the lease, send. A payment that the chain would refuse costs no gas.
 */
export class SendQueued {
  constructor(
    private readonly store: SettlementStore,
    private readonly chain: EvmChain,
    private readonly wallet: SettlementWallet,
    private readonly resolve: ResolvePayment,
    private readonly phases: PhaseObserver,
    private readonly options: SendQueuedOptions,
  ) {}

  /** @returns the transactions that were stored and sent. */
  async send(lease: Lease, capacity: number): Promise<readonly StoredTransaction[]> {
    const queued = await this.store.listQueued(capacity);
    if (queued.length === 0) return [];
    const [fees, firstNonce] = await Promise.all([this.wallet.fees(), this.nextNonce()]);
    if (fees.maxFeePerGasWei > this.options.maxFeePerGasWei) {
      this.options.onProblem(new Error(`gas costs ${fees.maxFeePerGasWei} wei, more than the ceiling`), 'settlement waits');
      return [];
    }
    const checked = await Promise.all(
      queued.map(async (payment) => ({ payment, isPayable: await this.isPayable(payment, fees) })),
    );
    let evmNonce = firstNonce;
    const sent: StoredTransaction[] = [];
    const submitting: Promise<void>[] = [];
    for (const { payment, isPayable } of checked) {
      if (!isPayable) continue;
      const signed = await this.wallet.signTransfer(
        payment.authorization,
        payment.signature,
        evmNonce,
        this.options.gasLimit,
        fees,
      );
      const stored = await this.store.storeTransaction(lease, payment.id, { ...signed, signer: this.wallet.address, evmNonce });
      if (stored === null) continue;
      evmNonce += 1n;
      this.phases.reached('transaction_stored');
      submitting.push(this.submit(stored)); // the next one is signed and stored meanwhile
      sent.push(stored);
    }
    await Promise.all(submitting);
    return sent;
  }

  /** Sends stored bytes, again if need be; the same bytes can be mined only once. */
  async submit(transaction: StoredTransaction): Promise<void> {
    try {
      await this.wallet.send(transaction.raw);
      this.phases.reached('transaction_sent');
      await this.store.markSent(transaction.id);
    } catch (error) {
      // Sent or not is unknown now. The bytes are stored: the next pass looks for a receipt and sends them again.
      this.options.onProblem(error, `sending ${transaction.hash}`);
    }
  }

  /** Nonces of stored transactions count even when the node has forgotten them. */
  private async nextNonce(): Promise<bigint> {
    const [highest, pending] = await Promise.all([this.store.highestNonce(this.wallet.address), this.wallet.pendingNonce()]);
    const afterStored = highest === null ? 0n : highest + 1n;
    return afterStored > pending ? afterStored : pending;
  }

  /** Whether the chain would take the payment now. When not, it is decided here, or has to wait. */
  private async isPayable(payment: Payment, fees: FeeQuote): Promise<boolean> {
    try {
      const { payer, nonce } = payment.key;
      const [snapshot, simulation] = await Promise.all([
        this.chain.payerSnapshot(payer, [nonce]),
        this.chain.simulateTransfer(payment.authorization, payment.signature, {
          from: this.wallet.address,
          gasLimit: this.options.gasLimit,
          fees,
        }),
      ]);
      if (snapshot.used.get(nonce) === true) {
        await this.resolve.fromUsedNonce(payment);
        return false;
      }
      if (simulation.kind === 'ok') return true;
      await this.resolve.fromRefusal(payment, simulation.reason);
      return false;
    } catch (error) {
      this.options.onProblem(error, `checking payment ${payment.id}`);
      return false;
    }
  }
}
