import { transferOf, type PayOut } from './pay-out';
import type { Payout, PayoutStore } from './ports/payout-store';
import type { RefundWallet } from './ports/refund-wallet';

export interface ResolveOptions {
  /** Blocks on top of what cannot be taken back: a revert, a nonce that another transaction used. */
  readonly finalDepth: number;
  readonly rebroadcastAfterMs: number;
  readonly unknownAfterMs: number;
  /** A payout whose nonce is used by another transaction for this long is dropped: nodes lag behind each other. */
  readonly dropAfterMs: number;
  readonly onProblem: (error: unknown, what: string) => void;
}

/** Blocks back from the newest in which paid refunds are compared with the chain again. */
const REORG_WINDOW = 64n;

/** Follows payouts to their end, which only the chain knows. Errors leave everything as it is. */
export class ResolvePayouts {
  constructor(
    private readonly store: PayoutStore,
    private readonly wallet: RefundWallet,
    private readonly sender: PayOut,
    private readonly options: ResolveOptions,
  ) {}

  async resolveAll(): Promise<void> {
    for (const payout of await this.store.open(this.wallet.address)) await this.guarded(payout, () => this.resolve(payout));
  }

  /** A block that held a payout may be replaced: then the payout is in another one, or on its way again. */
  async watchReorgs(): Promise<void> {
    const latest = await this.wallet.latestBlockNumber();
    const since = latest > REORG_WINDOW ? latest - REORG_WINDOW : 0n;
    for (const payout of await this.store.paidSince(this.wallet.address, since))
      await this.guarded(payout, () => this.compare(payout));
  }

  private async guarded(payout: Payout, step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      this.options.onProblem(error, `following refund ${payout.refund.id}`);
      if (payout.ageMs > this.options.unknownAfterMs && payout.refund.state === 'broadcast') await this.store.markUnknown(payout);
    }
  }

  private async resolve(payout: Payout): Promise<void> {
    const mined = await this.wallet.mined(payout.hash, transferOf(payout.refund));
    if (mined?.succeeded === true) return this.store.markPaid(payout, mined);
    if (mined !== null) {
      // A revert in a block that is lost may succeed in another one: it counts only when it is deep enough.
      const depth = (await this.wallet.latestBlockNumber()) - mined.blockNumber;
      if (depth >= BigInt(this.options.finalDepth)) await this.store.markReverted(payout, mined);
      return;
    }
    if ((await this.wallet.minedNonce(this.options.finalDepth)) > payout.evmNonce) return this.displaced(payout);
    const { rebroadcastAfterMs, unknownAfterMs } = this.options;
    if (payout.state === 'stored' || (payout.sentAgeMs ?? 0) > rebroadcastAfterMs) await this.sender.submit(payout);
    if (payout.ageMs > unknownAfterMs && payout.refund.state === 'broadcast') await this.store.markUnknown(payout);
  }

  /** Deep blocks hold another transaction with this nonce, and a look after a while still shows none with these bytes. */
  private async displaced(payout: Payout): Promise<void> {
    if (payout.displacedMs === null) return this.store.noteDisplaced(payout);
    if (payout.displacedMs < this.options.dropAfterMs) return;
    await this.store.markDropped(payout);
  }

  private async compare(payout: Payout): Promise<void> {
    if (payout.blockNumber === null) return;
    const hash = await this.wallet.blockHash(payout.blockNumber);
    if (hash === null || hash === payout.blockHash) return; // a node that lags does not have the block yet
    const mined = await this.wallet.mined(payout.hash, transferOf(payout.refund));
    if (mined === null) await this.store.reopen(payout);
    else if (mined.succeeded) await this.store.moveToBlock(payout, mined);
    else await this.store.reopen(payout);
  }
}
