/** One provider as it is declared: its column of the table. */
export interface CapabilityColumn {
  readonly title: string;
  readonly isolation: string;
  readonly features: ReadonlySet<string>;
}

/** The table of features and providers, in Markdown. */
export function capabilityTable(features: readonly string[], columns: readonly CapabilityColumn[]): string {
  const row = (...cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    row('', ...columns.map(({ title }) => title)),
    row('---', ...columns.map(() => '---')),
    row('isolation', ...columns.map(({ isolation }) => isolation)),
    ...features.map((feature) =>
      row(`\`${feature}\``, ...columns.map((column) => (column.features.has(feature) ? 'yes' : 'no'))),
    ),
  ].join('\n');
}
