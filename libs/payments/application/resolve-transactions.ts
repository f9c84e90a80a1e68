import type { EvmChain, SettlementWallet } from './ports/evm-chain';
import type { SettlementStore, StoredTransaction } from './ports/settlement-store';
import type { ResolvePayment } from './resolve-payment';
import type { SendQueued } from './send-queued';

export interface ResolveTransactionsOptions {
  /** A payment whose transaction has no receipt after this time is `unknown`. */
  readonly unknownAfterMs: number;
  readonly onProblem: (error: unknown, what: string) => void;
}

/** Bytes without a receipt are sent again after this time. */
const REBROADCAST_AFTER_MS = 3_000;
/** A nonce that is used by another transaction is believed only after this time: nodes can lag behind each other. */
const DROP_AFTER_MS = 5_000;

/** Follows stored transactions to their end: mined, or displaced by another transaction of the same nonce. */
export class ResolveTransactions {
  constructor(
    private readonly store: SettlementStore,
    private readonly chain: EvmChain,
    private readonly wallet: SettlementWallet,
    private readonly resolve: ResolvePayment,
    private readonly sender: SendQueued,
    private readonly options: ResolveTransactionsOptions,
  ) {}

  /** @returns how many transactions are still open. */
  async resolveAll(): Promise<number> {
    const open = await this.store.listUnresolvedTransactions(this.wallet.address);
    const resolved = await Promise.all(open.map((transaction) => this.resolveOne(transaction)));
    return resolved.filter((done) => !done).length;
  }

  private async resolveOne(transaction: StoredTransaction): Promise<boolean> {
    try {
      return await this.resolveOrThrow(transaction);
    } catch (error) {
      this.options.onProblem(error, `resolving ${transaction.hash}`);
      await this.noteUnknown(transaction);
      return false;
    }
  }

  private async resolveOrThrow(transaction: StoredTransaction): Promise<boolean> {
    const mined = await this.chain.minedTransaction(transaction.hash);
    if (mined !== null) {
      const payments = await this.store.paymentsOf(transaction.id);
      const decided = await Promise.all(
        payments.filter(isOpen).map((payment) => this.resolve.fromMined(payment, transaction.hash, mined)),
      );
      if (decided.includes(false)) return false;
      await this.store.markMined(transaction.id, mined);
      return true;
    }
    if (transaction.ageMs > DROP_AFTER_MS && (await this.wallet.minedNonce()) > transaction.evmNonce)
      return this.drop(transaction);
    if (transaction.state === 'stored' || transaction.ageMs > REBROADCAST_AFTER_MS) await this.sender.submit(transaction);
    await this.noteUnknown(transaction);
    for (const payment of (await this.store.paymentsOf(transaction.id)).filter(isOpen)) await this.resolve.expireIfOver(payment);
    return false;
  }

  /** Another transaction took the nonce. What the chain shows of each payment decides; otherwise it is queued again. */
  private async drop(transaction: StoredTransaction): Promise<boolean> {
    if ((await this.chain.minedTransaction(transaction.hash)) !== null) return false; // mined meanwhile: the next pass sees it
    for (const payment of (await this.store.paymentsOf(transaction.id)).filter(isOpen)) {
      const { payer, nonce } = payment.key;
      const snapshot = await this.chain.payerSnapshot(payer, [nonce]);
      if (snapshot.used.get(nonce) === true) {
        if (!(await this.resolve.fromUsedNonce(payment))) return false;
      } else await this.store.requeue(payment, 'transaction_displaced');
    }
    await this.store.markDropped(transaction.id);
    return true;
  }

  private async noteUnknown(transaction: StoredTransaction): Promise<void> {
    if (transaction.ageMs <= this.options.unknownAfterMs) return;
    const payments = await this.store.paymentsOf(transaction.id);
    for (const payment of payments) if (payment.state === 'broadcast') await this.store.markUnknown(payment);
  }
}

const isOpen = (payment: { state: string }): boolean => payment.state === 'broadcast' || payment.state === 'unknown';
