/** Shares of a cost that add up to it exactly: the first ones carry the remainder. */
export function shareOut(totalWei: bigint, count: number): bigint[] {
  const each = totalWei / BigInt(count);
  const remainder = Number(totalWei % BigInt(count));
  return Array.from({ length: count }, (_, index) => (index < remainder ? each + 1n : each));
}
