import type { ExportFormat } from '../application/ports/export-encoder';
import { csvChecksum, csvHeader, csvRow, csvTotal } from '../domain/export/csv';

export const csvFormat: ExportFormat = {
  mediaType: 'text/csv; charset=utf-8; header=present',
  batchRows: 1_000,
  encoder: (dataset) => ({
    begin: () => Buffer.from(csvHeader(dataset)),
    rows: (rows) => Buffer.from(rows.map((row) => csvRow(dataset, row)).join('')),
    end: (totals, sha256) => {
      const sums = Buffer.from(totals.map((total) => csvTotal(dataset, total)).join(''));
      return [sums, Buffer.from(csvChecksum(sha256(sums)))];
    },
  }),
};
