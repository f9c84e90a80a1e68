import { table } from '../report';
import type { Findings } from './main';
import { P95_LIMIT_MS } from './queries';
import { RECONCILIATION_LIMIT_MS } from './reconciliation';
import type { WriteTime } from './writes';

/** The process that serves may grow by its buffers, not by what it sends. */
export const RSS_LIMIT_MIB = 200;
/** A larger table has deeper indexes; what must not happen is that the time follows the number of rows. */
export const WRITE_GROWTH_LIMIT = 1.5;

const ms = (value: number): string => value.toFixed(value < 10 ? 2 : 0);
const verdict = (holds: boolean): string => (holds ? 'ok' : 'MISSED');
const total = (time: WriteTime): number => time.claimMs + time.completeMs + time.broadcastMs + time.settleMs;

/** What was measured beside what was promised. */
export function report({ loaded, queries, exports, reconciliation, writes }: Findings): string[] {
  const perPayment = (loaded.databaseBytes / loaded.payments).toFixed(0);
  const growth = total(writes.large) / total(writes.small);
  return [
    `\n${loaded.payments} payments, ${loaded.entries} entries, ${(loaded.databaseBytes / 1e9).toFixed(2)} GB (${perPayment} bytes a payment); loaded in ${(loaded.loadMs / 1e3).toFixed(0)} s, indexed in ${(loaded.indexMs / 1e3).toFixed(0)} s, verified in ${(loaded.checkMs / 1e3).toFixed(0)} s\n`,
    table([
      ['query', 'p50 ms', 'p95 ms', 'max ms', 'limit', ''],
      ...queries.map(({ name, p50Ms, p95Ms, maxMs }) => [
        ...[name, ms(p50Ms), ms(p95Ms), ms(maxMs), String(P95_LIMIT_MS), verdict(p95Ms < P95_LIMIT_MS)],
      ]),
    ]),
    '',
    table([
      ['export', 'MB', 's', 'RSS before', 'RSS peak', 'limit', ''],
      ...exports.map(({ file, bytes, ms: took, rssBeforeMib, rssPeakMib }) => [
        ...[file, (bytes / 1e6).toFixed(1), (took / 1e3).toFixed(1), rssBeforeMib.toFixed(0), rssPeakMib.toFixed(0)],
        ...[`+${RSS_LIMIT_MIB} MiB`, verdict(rssPeakMib - rssBeforeMib < RSS_LIMIT_MIB)],
      ]),
    ]),
    `\nreconciled ${reconciliation.transfers} transfers in ${(reconciliation.firstMs / 1e3).toFixed(1)} s (again ${(reconciliation.againMs / 1e3).toFixed(1)} s, RSS up to ${reconciliation.rssPeakMib.toFixed(0)} MiB), limit ${RECONCILIATION_LIMIT_MS / 1e3} s: ${verdict(reconciliation.firstMs < RECONCILIATION_LIMIT_MS)}`,
    '',
    table([
      ['database time of a payment, ms', 'claim', 'complete', 'broadcast', 'settle', 'together'],
      ...Object.entries(writes).map(([name, time]) => [
        ...[name, ms(time.claimMs), ms(time.completeMs), ms(time.broadcastMs), ms(time.settleMs), ms(total(time))],
      ]),
    ]),
    `\ngrowth ${growth.toFixed(2)} × from small to large, limit ${WRITE_GROWTH_LIMIT}: ${verdict(growth < WRITE_GROWTH_LIMIT)}`,
  ];
}
