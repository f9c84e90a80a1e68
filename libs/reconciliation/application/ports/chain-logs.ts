import type { Hex } from '../../domain/hex';
import type { ChainTransfer } from '../../domain/receipt';

export interface BlockPlace {
  readonly number: bigint;
  readonly hash: Hex;
}

/** What the chain says about payTo. A failed call rejects; it is never an empty answer. */
export interface ChainLogs {
  /** The newest block that counts as confirmed. */
  head(): Promise<BlockPlace>;
  /** Hash of the block at this height; null when the node has none there. */
  blockHash(blockNumber: bigint): Promise<Hex | null>;
  /** Transfers to and from payTo in the blocks of the range, both ends included, in order and in batches. */
  transfers(fromBlock: bigint, toBlock: bigint): AsyncIterable<readonly ChainTransfer[]>;
  /** USDC of payTo at the end of this block. */
  balanceAtomic(blockNumber: bigint): Promise<bigint>;
  /** ETH of a wallet at the end of this block, in wei. */
  balanceWei(wallet: Hex, blockNumber: bigint): Promise<bigint>;
}
