import type { ExportName, ExportRow } from '../../domain/export/dataset';

/** Rows from `from` on, before `to`, by the time that orders the dataset. */
export interface ExportRange {
  readonly from: Date;
  readonly to: Date;
}

/** One snapshot of a dataset, read batch by batch: what is committed meanwhile is not in it. */
export interface ExportSnapshot {
  /** The next rows in order; empty at the end. Memory is bounded by the size of a batch. */
  next(rows: number): Promise<readonly ExportRow[]>;
  /** Gives the connection back, also in the middle. May be called more than once. */
  close(): Promise<void>;
}

export interface ExportSource {
  /** Rejects when the database cannot be read, before anything is sent. */
  open(name: ExportName, range: ExportRange): Promise<ExportSnapshot>;
}

export const EXPORT_SOURCE = Symbol('ExportSource');
