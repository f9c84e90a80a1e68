import type { PhaseObserver } from '@tollbox/platform/faults/phase-boundaries';
import type { Payment } from '../domain/payment';
import type { EvmChain, SettlementWallet } from './ports/evm-chain';
import type { Lease, SettlementStore, StoredTransaction } from './ports/settlement-store';
import type { ResolvePayment } from './resolve-payment';

export interface SendQueuedOptions {
  /** Above this price of gas the queue waits. */
  readonly maxFeePerGasWei: bigint;
  /** Most gas that a contract wallet's signature check may use up in a settlement. */
  readonly contractWalletGasCap: bigint;
  readonly onProblem: (error: unknown, what: string) => void;
}

/** Spare gas over the estimate, in percent: storage may turn cold between estimate and inclusion. */
const GAS_MARGIN_PERCENT = 25n;
const NOT_YET_VALID = /not yet valid/i;

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
    const [fees, firstNonce, checked] = await Promise.all([
      this.wallet.fees(),
      this.nextNonce(),
      Promise.all(queued.map(async (payment) => ({ payment, gas: await this.gasIfPayable(payment) }))),
    ]);
    if (fees.maxFeePerGasWei > this.options.maxFeePerGasWei) {
      this.options.onProblem(new Error(`gas costs ${fees.maxFeePerGasWei} wei, more than the ceiling`), 'settlement waits');
      return [];
    }
    let evmNonce = firstNonce;
    const sent: StoredTransaction[] = [];
    const submitting: Promise<void>[] = [];
    for (const { payment, gas } of checked) {
      if (gas === null) continue;
      const signed = await this.wallet.signTransfer(payment.authorization, payment.signature, evmNonce, gas, fees);
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

  /** Gas limit for a payment that would go through now; null when it is decided already, or has to wait. */
  private async gasIfPayable(payment: Payment): Promise<bigint | null> {
    try {
      const { payer, nonce } = payment.key;
      const [snapshot, simulation] = await Promise.all([
        this.chain.payerSnapshot(payer, [nonce]),
        this.chain.simulateTransfer(payment.authorization, payment.signature, this.wallet.address),
      ]);
      if (snapshot.used.get(nonce) === true) {
        await this.resolve.fromUsedNonce(payment);
        return null;
      }
      if (simulation.kind === 'ok') return await this.gasLimit(payment, simulation.gas);
      // The chain's clock is behind ours: the authorization becomes valid with the next blocks.
      if (NOT_YET_VALID.test(simulation.reason) && payment.authorization.validBefore > snapshot.blockTimestampS) return null;
      await this.resolve.fromChainState(payment, simulation.reason);
      return null;
    } catch (error) {
      this.options.onProblem(error, `checking payment ${payment.id}`);
      return null;
    }
  }

  private async gasLimit(payment: Payment, estimate: bigint): Promise<bigint | null> {
    const limit = (estimate * (100n + GAS_MARGIN_PERCENT)) / 100n;
    if (payment.payerKind === 'eoa' || limit <= this.options.contractWalletGasCap) return limit;
    await this.store.fail(payment, 'signature_check_uses_too_much_gas');
    return null;
  }
}
