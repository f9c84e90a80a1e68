import type { EvmChain } from './ports/evm-chain';
import type { SettlementStore } from './ports/settlement-store';

/** Blocks behind the head that are looked at again. Base has not replaced deeper ones. */
const DEPTH_BLOCKS = 64n;
const MAX_PAYMENTS = 2_000;

/**
 * Notices settled payments whose block was replaced and queues them again. The settler reads the chain before it sends,
 * so a payment that came back in another block settles there without a second transaction.
 */
export class WatchReorgs {
  constructor(
    private readonly store: SettlementStore,
    private readonly chain: EvmChain,
  ) {}

  /** @returns how many payments lost their block. */
  async check(): Promise<number> {
    const head = await this.chain.latestBlockNumber();
    const recent = await this.store.listSettledSince(head > DEPTH_BLOCKS ? head - DEPTH_BLOCKS : 0n, MAX_PAYMENTS);
    const hashes = new Map<bigint, `0x${string}` | null>();
    let lost = 0;
    for (const payment of recent) {
      if (!hashes.has(payment.blockNumber)) hashes.set(payment.blockNumber, await this.chain.blockHash(payment.blockNumber));
      // A node that does not have the block (yet, or any more) proves nothing about it.
      const current = hashes.get(payment.blockNumber);
      if (current === null || current === payment.blockHash) continue;
      if (await this.store.requeue(payment, 'block_lost')) lost += 1;
    }
    return lost;
  }
}
