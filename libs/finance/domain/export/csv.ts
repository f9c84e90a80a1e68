import type { ExportDataset, ExportRow } from './dataset';
import type { ExportTotal } from './totals';

/** What a spreadsheet takes for a formula when a cell begins with it. */
const FORMULA_START = /^[=+\-@\t\r\n]/;
const NEEDS_QUOTES = /[",\r\n]/;

const quoted = (cell: string): string => (NEEDS_QUOTES.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);

/** A text that a spreadsheet shows and does not compute: an apostrophe is put before what would be a formula. */
const harmless = (cell: string): string => (FORMULA_START.test(cell) ? `'${cell}` : cell);

const line = (cells: readonly string[]): string => `${cells.map(quoted).join(',')}\r\n`;

/** CSV after RFC 4180: CRLF, quotes where needed. The first column tells rows, totals and the checksum apart. */
export function csvHeader({ columns }: ExportDataset): string {
  return line(['record', ...columns.map(({ name }) => name)]);
}

export function csvRow({ columns }: ExportDataset, row: ExportRow): string {
  return line(['row', ...columns.map(({ kind }, index) => (kind === 'text' ? harmless(row[index] ?? '') : (row[index] ?? '')))]);
}

/** A totals row: the keys and sums in their columns, and the number of rows in the first one. */
export function csvTotal({ columns }: ExportDataset, { by, rows, sums }: ExportTotal): string {
  return line([
    'total',
    ...columns.map(({ name }, index) => harmless(by[name] ?? '') || (sums[name] ?? (index === 0 ? String(rows) : ''))),
  ]);
}

/** The last line: SHA-256 of every byte before it. */
export const csvChecksum = (sha256: string): string => `sha256,${sha256}\r\n`;
