import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type Config } from '@tollbox/platform/config/config';
import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import { EXPORT_DATASETS, type ExportDataset, type ExportName } from '../domain/export/dataset';
import { RunningTotals } from '../domain/export/totals';
import { EXPORT_FORMAT_TABLE, type ExportFormat, type ExportFormatName } from './ports/export-encoder';
import { EXPORT_SOURCE, type ExportRange, type ExportSnapshot, type ExportSource } from './ports/export-source';

const BUFFERED_BYTES = 262_144;
const RETRY_AFTER_S = 10;

export interface Export {
  readonly mediaType: string;
  /** Read no faster than its reader; ends the query when it is destroyed. */
  readonly bytes: Readable;
}

/**
 * Streams a dataset as one file of one moment, in memory that does not depend on its length. A file that broke off has no
 * checksum at its end.
 */
@Injectable()
export class ExportDatasetFile {
  private running = 0;

  constructor(
    @Inject(EXPORT_SOURCE) private readonly source: ExportSource,
    @Inject(EXPORT_FORMAT_TABLE) private readonly formats: Readonly<Record<ExportFormatName, ExportFormat>>,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** @throws TollboxError `too_many_exports` */
  async run(name: ExportName, formatName: ExportFormatName, range: ExportRange): Promise<Export> {
    if (this.running >= this.config.EXPORTS_AT_ONCE)
      throw new TollboxError('too_many_exports', { retryAfterSeconds: RETRY_AFTER_S });
    this.running += 1;
    try {
      const snapshot = await this.source.open(name, range);
      return { mediaType: this.formats[formatName].mediaType, bytes: this.stream(name, this.formats[formatName], snapshot) };
    } catch (error) {
      this.running -= 1;
      throw error;
    }
  }

  private stream(name: ExportName, format: ExportFormat, snapshot: ExportSnapshot): Readable {
    const pieces = encoded(EXPORT_DATASETS[name], format, snapshot);
    const bytes = Readable.from(pieces, { objectMode: false, highWaterMark: BUFFERED_BYTES });
    const deadline = setTimeout(() => bytes.destroy(new Error('the export took too long')), this.config.EXPORT_TIMEOUT_MS);
    // A stream that is destroyed before its first read never starts the generator, so the snapshot is closed from here.
    bytes.once('close', () => {
      clearTimeout(deadline);
      this.running -= 1;
      void snapshot.close();
    });
    return bytes;
  }
}

async function* encoded(dataset: ExportDataset, format: ExportFormat, snapshot: ExportSnapshot): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  const totals = new RunningTotals(dataset);
  const encoder = format.encoder(dataset);
  const hashed = (piece: Uint8Array): Uint8Array => {
    hash.update(piece);
    return piece;
  };
  yield hashed(encoder.begin());
  for (;;) {
    const rows = await snapshot.next(format.batchRows);
    if (rows.length === 0) break;
    for (const row of rows) totals.add(row);
    yield hashed(encoder.rows(rows));
  }
  const sha256 = (more: Uint8Array = Buffer.alloc(0)): string => hash.update(more).digest('hex');
  yield* encoder.end(totals.totals(), sha256);
}
