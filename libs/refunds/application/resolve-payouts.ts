import type { HeldLease } from '@tollbox/platform/database/leases';
import { transferOf, type PayOut } from './pay-out';
import { LeaseLostError, newestOf, type Payout, type PayoutBytes, type PayoutStore } from './ports/payout-store';
import type { MinedTransfer, RefundWallet } from './ports/refund-wallet';

export interface ResolveOptions {
  /** Blocks on top of what cannot be taken back: a revert, a nonce that another transaction used. */
  readonly finalDepth: number;
  readonly rebroadcastAfterMs: number;
  /** Bytes that are in no block after this time are replaced by others at a better price. */
  readonly bumpAfterMs: number;
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

  async resolveAll(lease: HeldLease): Promise<void> {
    for (const payout of await this.store.open(this.wallet.address))
      await this.guarded(payout, () => this.resolve(lease, payout));
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
      if (error instanceof LeaseLostError) throw error;
      this.options.onProblem(error, `following refund ${payout.refund.id}`);
      if (ageMsOf(payout) > this.options.unknownAfterMs && payout.refund.state === 'broadcast')
        await this.store.markUnknown(payout);
    }
  }

  private async resolve(lease: HeldLease, payout: Payout): Promise<void> {
    const found = await this.find(payout);
    if (found?.mined.succeeded === true) return this.store.markPaid(payout, found.bytes, found.mined);
    if (found !== null) {
      // A revert in a block that is lost may succeed in another one: it counts only when it is deep enough.
      const depth = (await this.wallet.latestBlockNumber()) - found.mined.blockNumber;
      if (depth >= BigInt(this.options.finalDepth)) await this.store.markReverted(payout, found.bytes, found.mined);
      return;
    }
    if ((await this.wallet.minedNonce(this.options.finalDepth)) > payout.evmNonce) return this.displaced(payout);
    const { rebroadcastAfterMs, bumpAfterMs, unknownAfterMs } = this.options;
    const newest = newestOf(payout);
    if (newest.state === 'stored' || (newest.sentAgeMs ?? 0) > rebroadcastAfterMs) await this.sender.submit(payout);
    if (newest.state === 'sent' && newest.ageMs > bumpAfterMs) await this.sender.raisePrice(lease, payout);
    if (ageMsOf(payout) > unknownAfterMs && payout.refund.state === 'broadcast') await this.store.markUnknown(payout);
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
    const found = await this.find(payout);
    // In the new block under other bytes, or nowhere: it is open again, and the next pass books what it finds.
    if (found?.mined.succeeded !== true || found.bytes.state !== 'succeeded') await this.store.reopen(payout);
    else await this.store.moveToBlock(payout, found.bytes, found.mined);
  }

  /** The bytes of the payout that are in a block, whichever price they have. */
  private async find(payout: Payout): Promise<{ readonly bytes: PayoutBytes; readonly mined: MinedTransfer } | null> {
    for (const bytes of payout.bytes) {
      const mined = await this.wallet.mined(bytes.hash, transferOf(payout.refund));
      if (mined !== null) return { bytes, mined };
    }
    return null;
  }
}

/** Since its first bytes were stored. */
const ageMsOf = ({ bytes }: Payout): number => Math.max(...bytes.map(({ ageMs }) => ageMs));
