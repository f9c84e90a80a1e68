/** One thing that was measured, for each runtime. */
export interface Figure {
  readonly name: string;
  readonly values: readonly number[];
}

function rounded(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** A Markdown table of the runtimes side by side; the last column is how many times the first the last one is. */
export function figureTable(names: readonly string[], figures: readonly Figure[]): string {
  const rows = figures.map(({ name, values }) => {
    const ratio = (values.at(-1) ?? Number.NaN) / (values[0] ?? Number.NaN);
    return [name, ...values.map(rounded), Number.isFinite(ratio) ? `${ratio.toFixed(1)} ×` : '–'];
  });
  const all = [['', ...names, 'ratio'], ['---', ...names.map(() => '---:'), '---:'], ...rows];
  return all.map((row) => `| ${row.join(' | ')} |`).join('\n');
}
