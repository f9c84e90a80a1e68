import type { Confirmations, EvmChain } from './ports/evm-chain';
import type { SettlementStore, Verdict } from './ports/settlement-store';

/** Blocks behind the head that are looked at again at least. Base has not replaced deeper ones. */
const DEPTH_BLOCKS = 64n;
const MAX_RECORDS = 2_000;

/**
 * Notices transactions and payments whose block was replaced. A transaction of ours is opened again with the bytes it
 * has, so the same nonce and the same authorizations come back; a payment that somebody else had submitted is queued,
 * and the settler reads the chain before it sends.
 */
export class WatchReorgs {
  constructor(
    private readonly store: SettlementStore,
    private readonly chain: EvmChain,
    /** A block is looked at again until the chain calls it so. */
    private readonly confirmations: Confirmations,
  ) {}

  async check(): Promise<void> {
    const head = await this.chain.latestBlockNumber();
    const final = this.confirmations === 'latest' ? head : await this.chain.blockNumberAt(this.confirmations);
    const lookedAt = head > DEPTH_BLOCKS ? head - DEPTH_BLOCKS : 0n;
    const since = final < lookedAt ? final : lookedAt;
    const mined = await this.lost(await this.store.listMinedSince(since, MAX_RECORDS));
    for (const record of mined) await this.store.reopenTransaction(record);
    const byOthers = await this.lost(await this.store.listSettledByOthersSince(since, MAX_RECORDS));
    await this.store.decide(byOthers.map((payment): Verdict => ({ payment, to: 'queued', reason: 'block_lost' })));
  }

  /**
   * Those whose block was replaced. Each block is asked for: that a newer one stands says nothing of an older record, which
   * may be from a chain that was replaced before. A node that does not have a block (yet, or any more) proves nothing.
   */
  private async lost<Place extends { blockNumber: bigint; blockHash: string }>(places: readonly Place[]): Promise<Place[]> {
    const numbers = [...new Set(places.map(({ blockNumber }) => blockNumber))];
    const hashes = await Promise.all(numbers.map((number) => this.chain.blockHash(number)));
    const current = new Map(numbers.map((number, index) => [number, hashes[index] ?? null]));
    return places.filter(({ blockNumber, blockHash }) => {
      const hash = current.get(blockNumber) ?? null;
      return hash !== null && hash !== blockHash;
    });
  }
}
