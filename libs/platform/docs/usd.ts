const DECIMALS = 6;

/** Atomic USDC as a decimal text with at least two places: 10000n is `0.01`, 1500n is `0.0015`. */
export function usdText(atomic: bigint): string {
  const digits = atomic.toString().padStart(DECIMALS + 1, '0');
  const whole = digits.slice(0, -DECIMALS);
  const fraction = digits.slice(-DECIMALS).replace(/0+$/, '').padEnd(2, '0');
  return `${whole}.${fraction}`;
}
