import type { ExportDataset, ExportRow } from '../../domain/export/dataset';
import type { ExportTotal } from '../../domain/export/totals';

/** Turns rows into the bytes of a file, piece by piece. */
export interface ExportEncoder {
  /** What the file begins with. */
  begin(): Uint8Array;
  rows(rows: readonly ExportRow[]): Uint8Array;
  /** The totals, and the checksum of all bytes so far. */
  end(totals: readonly ExportTotal[], sha256: (more?: Uint8Array) => string): Uint8Array[];
}

export interface ExportFormat {
  readonly mediaType: string;
  /** Rows that are read and encoded at once. */
  readonly batchRows: number;
  encoder(dataset: ExportDataset): ExportEncoder;
}

export const EXPORT_FORMATS = ['csv', 'parquet'] as const;
export type ExportFormatName = (typeof EXPORT_FORMATS)[number];

/** Nest's injection token of the formats: Record<ExportFormatName, ExportFormat>. */
export const EXPORT_FORMAT_TABLE = Symbol('ExportFormatTable');
