import type { EvmChain } from './ports/evm-chain';
import type { SettlementStore } from './ports/settlement-store';

/** Blocks behind the head that are looked at again. Base has not replaced deeper ones. */
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
  ) {}

  async check(): Promise<void> {
    const head = await this.chain.latestBlockNumber();
    const since = head > DEPTH_BLOCKS ? head - DEPTH_BLOCKS : 0n;
    const isLost = this.lostBlocks();
    for (const record of await this.store.listMinedSince(since, MAX_RECORDS)) {
      if (await isLost(record)) await this.store.reopenTransaction(record);
    }
    for (const payment of await this.store.listSettledByOthersSince(since, MAX_RECORDS)) {
      if (await isLost(payment)) await this.store.requeue(payment, 'block_lost');
    }
  }

  /** Each block is asked for once. A node that does not have a block (yet, or any more) proves nothing about it. */
  private lostBlocks(): (place: { blockNumber: bigint; blockHash: string }) => Promise<boolean> {
    const hashes = new Map<bigint, string | null>();
    return async ({ blockNumber, blockHash }) => {
      if (!hashes.has(blockNumber)) hashes.set(blockNumber, await this.chain.blockHash(blockNumber));
      const current = hashes.get(blockNumber) ?? null;
      return current !== null && current !== blockHash;
    };
  }
}
