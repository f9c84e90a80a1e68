/** What a transaction offers for its gas. */
export interface GasPrice {
  readonly maxFeePerGasWei: bigint;
  readonly maxPriorityFeePerGasWei: bigint;
}

/** Nodes take a replacement from 10 % more on; an eighth more is the price step of a block. */
const raised = (wei: bigint): bigint => wei + (wei + 7n) / 8n;
const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b);

/** The price at which a transaction replaces one that was sent at `previous`, when gas costs `current` now; null above the ceiling. */
export function replacementPrice(previous: GasPrice, current: GasPrice, ceilingWei: bigint): GasPrice | null {
  const maxFeePerGasWei = larger(raised(previous.maxFeePerGasWei), current.maxFeePerGasWei);
  if (maxFeePerGasWei > ceilingWei) return null;
  return {
    maxFeePerGasWei,
    maxPriorityFeePerGasWei: larger(raised(previous.maxPriorityFeePerGasWei), current.maxPriorityFeePerGasWei),
  };
}
