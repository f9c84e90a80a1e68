/**
 * What a column holds:
 * - text    anything; made harmless for spreadsheets in CSV
 * - serial  a whole number of at most 64 bits
 * - amount  a whole number of any length; a decimal text in every format, because no number type holds a uint256
 * - time    ISO 8601 in UTC, to the millisecond
 */
export type ColumnKind = 'text' | 'serial' | 'amount' | 'time';

export interface ExportColumn {
  readonly name: string;
  readonly kind: ColumnKind;
}

export interface ExportDataset {
  readonly columns: readonly ExportColumn[];
  /** Amounts are summed up for each value of these columns together: amounts of different assets do not add up. */
  readonly totalsBy: readonly string[];
  /** The amounts that mean something when they are summed up. */
  readonly summed: readonly string[];
}

/** Cells in the order of the columns. */
export type ExportRow = readonly (string | null)[];

const text = (name: string): ExportColumn => ({ name, kind: 'text' });
const serial = (name: string): ExportColumn => ({ name, kind: 'serial' });
const amount = (name: string): ExportColumn => ({ name, kind: 'amount' });
const time = (name: string): ExportColumn => ({ name, kind: 'time' });

export const EXPORT_DATASETS = {
  /** Entries by the time of their recording. */
  journal: {
    columns: [
      ...[serial('id'), text('debit_account'), text('credit_account'), amount('amount'), text('asset'), text('network')],
      ...[text('subject'), text('event'), serial('round'), serial('leg'), text('operation_id'), text('wallet')],
      ...[time('event_at'), time('recorded_at')],
    ],
    totalsBy: ['asset', 'network'],
    summed: ['amount'],
  },
  /** Payments by the time of their claim. */
  payments: {
    columns: [
      ...[text('id'), text('state'), serial('attempt'), text('operation'), text('operation_id'), text('rail'), text('payer')],
      ...[
        text('pay_to'),
        text('network'),
        text('asset'),
        text('nonce'),
        amount('amount_atomic'),
        amount('price_atomic'),
        amount('fee_atomic'),
      ],
      ...[
        serial('price_list_version'),
        serial('x402_version'),
        text('settlement_mode'),
        serial('answer_status'),
        text('void_code'),
        text('fail_reason'),
        text('transaction_hash'),
      ],
      ...[serial('block_number'), time('claimed_at'), time('executed_at'), time('settled_at')],
    ],
    totalsBy: ['state', 'rail', 'network', 'asset'],
    summed: ['amount_atomic', 'price_atomic', 'fee_atomic'],
  },
  /** Settlement transactions by the time they were stored. */
  settlements: {
    columns: [
      ...[text('id'), text('state'), text('network'), text('signer'), serial('evm_nonce'), text('transaction_hash')],
      ...[serial('block_number'), text('block_hash'), amount('gas_used'), amount('effective_gas_price_wei'), amount('fee_wei')],
      ...[time('stored_at'), time('sent_at'), time('resolved_at')],
    ],
    totalsBy: ['state', 'network'],
    summed: ['gas_used', 'fee_wei'],
  },
} as const satisfies Readonly<Record<string, ExportDataset>>;

export type ExportName = keyof typeof EXPORT_DATASETS;

export const isExportName = (name: string): name is ExportName => Object.hasOwn(EXPORT_DATASETS, name);
