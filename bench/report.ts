import type { Measurement } from './contest';
import type { MoneyCheck } from './money';

export interface Ratio {
  readonly what: string;
  readonly concurrency: number;
  /** Ours divided by the raw engine's: above 1 we are slower. */
  readonly timesRaw: number;
  readonly detail: string;
}

const number = (value: number): string => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2));

/** Lines of a table; the first column is left-aligned, the others right-aligned. */
export function table(rows: readonly (readonly string[])[], leftColumns = 1): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const pad = (cell: string, column: number) =>
    column < leftColumns ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!);
  return rows.map((row) => row.map(pad).join('  ').trimEnd()).join('\n');
}

export function measurementTable(measurements: readonly Measurement[]): string {
  return table(
    [
      ['work', 'by', 'callers', 'calls', 'per s', 'p50 ms', 'p99 ms'],
      ...measurements.map((one) => [
        one.work,
        one.contender,
        String(one.concurrency),
        String(one.calls),
        number(one.perSecond),
        number(one.p50Ms),
        number(one.p99Ms),
      ]),
    ],
    2,
  );
}

/** What the raw engine does for each work. */
const PEER: Readonly<Record<string, string>> = {
  create: 'create + start',
  status: 'inspect',
  'exec true': 'exec',
  'exec python': 'exec',
};

/** Medians of single calls, and calls per second of many callers, each against the raw engine's in the same run. */
export function ratiosOf(measurements: readonly Measurement[]): Ratio[] {
  const raws = measurements.filter(({ contender }) => contender === 'raw engine');
  return raws.flatMap((raw) =>
    measurements
      .filter((one) => one !== raw && one.work === raw.work && one.concurrency === raw.concurrency)
      .map((ours): Ratio => {
        const peer = `raw ${PEER[raw.work] ?? raw.work}`;
        const what = `${ours.work}, ${ours.contender}`;
        if (raw.concurrency > 1) {
          const detail = `${number(ours.perSecond)} against ${number(raw.perSecond)} per s of ${peer}`;
          return { what, concurrency: raw.concurrency, timesRaw: raw.perSecond / ours.perSecond, detail };
        }
        const detail = `${number(ours.p50Ms)} against ${number(raw.p50Ms)} ms of ${peer}, adds ${number(ours.p50Ms - raw.p50Ms)} ms`;
        return { what, concurrency: 1, timesRaw: ours.p50Ms / raw.p50Ms, detail };
      }),
  );
}

export function ratioTable(ratios: readonly Ratio[]): string {
  return table(
    [
      ['ours / raw engine', 'callers', 'times', ''],
      ...ratios.map(({ what, concurrency, timesRaw, detail }) => [
        what,
        String(concurrency),
        `×${timesRaw.toFixed(2)}`,
        ` ${detail}`,
      ]),
    ].map((row) => [row[0]!, row[1]!, row[2]!, row[3]!.padEnd(70)]),
  );
}

/** CPU milliseconds of every process for each call of ours. */
export function cpuTable(measurements: readonly Measurement[]): string | null {
  const ours = measurements.filter(({ contender }) => contender === 'paid call' || contender === 'unpaid call');
  const names = Object.keys(ours[0]?.cpuMsPerCall ?? {});
  if (names.length === 0) return null;
  return table([
    ['CPU ms per call', 'callers', ...names],
    ...ours.map((one) => [
      `${one.work}, ${one.contender}`,
      String(one.concurrency),
      ...names.map((name) => number(one.cpuMsPerCall[name] ?? Number.NaN)),
    ]),
  ]);
}

const usdc = (atomic: bigint): string => `${atomic / 1_000_000n}.${(atomic % 1_000_000n).toString().padStart(6, '0')} USDC`;

export function moneyLine(money: MoneyCheck): string {
  return `${money.answeredCalls} paid calls answered 200, ${usdc(money.chargedAtomic)} charged = ${money.settledPayments} payments settled, ${usdc(money.settledAtomic)} = ${usdc(money.earnedAtomic)} on payTo`;
}
