import { ByteWriter, ParquetWriter, type SchemaElement } from 'hyparquet-writer';
import type { ExportEncoder, ExportFormat } from '../application/ports/export-encoder';
import type { ColumnKind, ExportColumn, ExportDataset, ExportRow } from '../domain/export/dataset';

/** Encoding is done in one go and holds up the process meanwhile, so a row group is small. */
const ROW_GROUP_ROWS = 5_000;

/** Amounts stay texts: DECIMAL ends at 38 digits for most readers, and a uint256 has 78. */
const TYPES: Readonly<Record<ColumnKind, Pick<SchemaElement, 'type' | 'converted_type'>>> = {
  text: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  amount: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  serial: { type: 'INT64' },
  time: { type: 'INT64', converted_type: 'TIMESTAMP_MILLIS' },
};

export const parquetFormat: ExportFormat = {
  mediaType: 'application/vnd.apache.parquet',
  batchRows: ROW_GROUP_ROWS,
  encoder: (dataset) => new ParquetEncoder(dataset),
};

/** A row group a batch. The footer's key-value metadata holds the totals and the checksum of all bytes before the footer. */
class ParquetEncoder implements ExportEncoder {
  private readonly bytes = new ByteWriter();
  private readonly file: ParquetWriter;

  constructor(private readonly dataset: ExportDataset) {
    const schema: SchemaElement[] = [
      { name: 'root', num_children: dataset.columns.length },
      ...dataset.columns.map(({ name, kind }): SchemaElement => ({ name, repetition_type: 'OPTIONAL', ...TYPES[kind] })),
    ];
    this.file = new ParquetWriter({ writer: this.bytes, schema, createdBy: 'tollbox' });
  }

  begin(): Uint8Array {
    return this.taken();
  }

  rows(rows: readonly ExportRow[]): Uint8Array {
    const columnData = this.dataset.columns.map((column, index) => ({
      name: column.name,
      data: rows.map((row) => valueOf(column, row[index] ?? null)),
      // Page indexes would stand between the rows and the footer.
      offsetIndex: false,
    }));
    void this.file.write({ columnData, rowGroupSize: ROW_GROUP_ROWS });
    return this.taken();
  }

  end(totals: Parameters<ExportEncoder['end']>[0], sha256: Parameters<ExportEncoder['end']>[1]): Uint8Array[] {
    this.file.kvMetadata = [
      { key: 'tollbox.totals', value: JSON.stringify(totals) },
      { key: 'tollbox.data_bytes', value: String(this.bytes.offset) },
      { key: 'tollbox.data_sha256', value: sha256() },
    ];
    void this.file.finish();
    return [this.taken()];
  }

  /** What was written since the last time; the buffer starts anew, its offsets in the file go on. */
  private taken(): Uint8Array {
    const bytes = this.bytes.getBytes().slice();
    this.bytes.index = 0;
    return bytes;
  }
}

function valueOf({ kind }: ExportColumn, cell: string | null): string | bigint | null {
  if (cell === null) return null;
  if (kind === 'serial') return BigInt(cell);
  return kind === 'time' ? BigInt(Date.parse(cell)) : cell;
}
