import { table } from '../report';
import type { Findings } from './run';

export const P95_LIMIT_MS = 150;
export const RECONCILIATION_LIMIT_MS = 60_000;
/** The process that sends a file may grow by its buffers and by what its collector leaves lying about, not by what it sends. */
export const RSS_LIMIT_MIB = 150;
/** Larger tables have deeper indexes and colder pages; what must not happen is that the time follows the number of rows. */
export const WRITE_GROWTH_LIMIT = 1.2;

/** One line of the result. */
export interface Verdict {
  readonly what: string;
  readonly unit: string;
  readonly ours: number;
  readonly limit: number;
  readonly met: boolean;
}

const below = (what: string, unit: string, ours: number, limit: number): Verdict => ({
  what,
  unit,
  ours,
  limit,
  met: ours < limit,
});

export function verdictsOf({ queries, exports, reconciliation, writes }: Findings): Verdict[] {
  return [
    ...queries.map(({ name, p95Ms }) => below(`query, p95: ${name}`, 'ms', p95Ms, P95_LIMIT_MS)),
    ...exports.map(({ file, days, rssGrowthMib }) =>
      below(`${file} of ${days} days: growth of the process`, 'MiB', rssGrowthMib, RSS_LIMIT_MIB),
    ),
    ...(reconciliation === null
      ? []
      : [
          below(
            `reconciling ${reconciliation.transfers} transfers`,
            's',
            reconciliation.firstMs / 1e3,
            RECONCILIATION_LIMIT_MS / 1e3,
          ),
        ]),
    ...(writes === null
      ? []
      : [
          below(
            'database time of a payment, large table / small',
            '×',
            writes.large.togetherMs / writes.small.togetherMs,
            WRITE_GROWTH_LIMIT,
          ),
        ]),
  ];
}

function number(value: number): string {
  if (Math.abs(value) >= 100) return value.toFixed(0);
  return Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** What was measured beside what was promised. */
export function report(findings: Findings): string[] {
  const { loaded, queries, exports, reconciliation, writes } = findings;
  const verdicts = verdictsOf(findings);
  const missed = verdicts.filter(({ met }) => !met).length;
  return [
    `\n${loaded.payments} payments, ${loaded.entries} entries, ${(loaded.databaseBytes / 1e9).toFixed(2)} GB (${(loaded.databaseBytes / loaded.payments).toFixed(0)} bytes a payment); loaded in ${(loaded.loadMs / 1e3).toFixed(0)} s, indexed in ${(loaded.indexMs / 1e3).toFixed(0)} s, verified in ${(loaded.checkMs / 1e3).toFixed(0)} s\n`,
    table(
      [
        ['', 'unit', 'ours', 'limit', 'ours / limit', 'met'],
        ...verdicts.map(({ what, unit, ours, limit, met }) => [
          ...[what, unit, number(ours), String(limit), (ours / limit).toFixed(2), met ? 'yes' : 'NO'],
        ]),
      ],
      2,
    ),
    `\n${verdicts.length - missed} of ${verdicts.length} limits are met\n`,
    ...(queries.length === 0
      ? []
      : [
          table([
            ['query', 'p50 ms', 'p95 ms', 'max ms', 'bytes'],
            ...queries.map(({ name, p50Ms, p95Ms, maxMs, bytes }) => [
              name,
              number(p50Ms),
              number(p95Ms),
              number(maxMs),
              String(bytes),
            ]),
          ]),
          '',
        ]),
    ...(exports.length === 0
      ? []
      : [
          table([
            ['export', 'days', 'MB', 's', 'RSS growth MiB', 'heap peak MiB'],
            ...exports.map(({ file, days, bytes, ms, rssGrowthMib, heapPeakMib }) => [
              ...[
                file,
                String(days),
                (bytes / 1e6).toFixed(1),
                (ms / 1e3).toFixed(1),
                rssGrowthMib.toFixed(0),
                heapPeakMib.toFixed(0),
              ],
            ]),
          ]),
          '',
        ]),
    ...(reconciliation === null
      ? []
      : [
          `reconciled ${reconciliation.transfers} transfers in ${(reconciliation.firstMs / 1e3).toFixed(1)} s (again ${(reconciliation.againMs / 1e3).toFixed(1)} s), process up to ${reconciliation.rssPeakMib.toFixed(0)} MiB`,
          '',
        ]),
    ...(writes === null
      ? []
      : [
          table([
            ['database time of a payment, ms', 'claim', 'complete', 'broadcast', 'settle', 'together'],
            ...Object.entries(writes).map(([name, time]) => [
              ...[name, ...[time.claimMs, time.completeMs, time.broadcastMs, time.settleMs, time.togetherMs].map(number)],
            ]),
          ]),
        ]),
  ];
}
