const isColoured = process.stdout.isTTY && process.env['NO_COLOR'] === undefined;
const paint = (code: number) => (text: string) => (isColoured ? `\u001b[${code}m${text}\u001b[0m` : text);
export const bold = paint(1);
export const dim = paint(2);
export const green = paint(32);
export const red = paint(31);

export const print = (line = ''): void => {
  process.stdout.write(`${line}\n`);
};

export const heading = (text: string): void => print(`\n${bold(text)}`);

/** `label` in a column, then the text. */
export const item = (label: string, text: string): void => print(`  ${dim(label.padEnd(12))} ${text}`);

/** Atomic units as USDC with six decimals at most, for example `0.001`. */
export function usdc(atomic: bigint): string {
  const digits = atomic.toString().padStart(7, '0');
  const fraction = digits.slice(-6).replace(/0+$/, '');
  return `${digits.slice(0, -6)}${fraction === '' ? '' : `.${fraction}`} USDC`;
}

export function columns(rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  for (const row of rows) print(`  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd());
}
