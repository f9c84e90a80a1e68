import { createHash } from 'node:crypto';

/** One close of a period. `seq` counts all closes; the newest version of a number is the one that counts. */
export interface PeriodClose {
  readonly seq: number;
  readonly number: number;
  readonly version: number;
  /** Entries recorded from here, inclusive, */
  readonly fromAt: Date;
  /** until here, exclusive. */
  readonly untilAt: Date;
  readonly entries: bigint;
  readonly contentSha256: string;
  readonly totalsSha256: string;
  /** Hash of the close before, empty for the first. */
  readonly previousSha256: string;
  readonly sha256: string;
  /** Why a closed period was closed again. */
  readonly reason: string | null;
  readonly requestedBy: string;
  readonly approvedBy: string | null;
  readonly totals: readonly PeriodTotal[];
}

/** What an account moved within a period. */
export interface PeriodTotal {
  readonly account: string;
  readonly debits: bigint;
  readonly credits: bigint;
}

const sha256 = (text: string): string => createHash('sha256').update(text, 'utf8').digest('hex');

/** Hash of entries: a chain over the hashes of their blocks, in order of their ids. */
export function contentSha256(before: string, blockSha256: string): string {
  return sha256(`${before}${blockSha256}`);
}

/** In order of the codes as bytes; accounts that moved nothing are absent. */
export function sortTotals(totals: readonly PeriodTotal[]): PeriodTotal[] {
  return totals
    .filter(({ debits, credits }) => debits !== 0n || credits !== 0n)
    .sort((a, b) => Buffer.compare(Buffer.from(a.account), Buffer.from(b.account)));
}

export function totalsSha256(totals: readonly PeriodTotal[]): string {
  return sha256(
    sortTotals(totals)
      .map(({ account, debits, credits }) => `${JSON.stringify(account)} ${debits} ${credits}\n`)
      .join(''),
  );
}

/** Hash of a close: everything it says, and through `previousSha256` all closes before it. */
export function closeSha256(close: Omit<PeriodClose, 'sha256' | 'totals'>): string {
  return sha256(
    JSON.stringify([
      close.seq,
      close.number,
      close.version,
      close.fromAt.toISOString(),
      close.untilAt.toISOString(),
      close.entries.toString(),
      close.contentSha256,
      close.totalsSha256,
      close.previousSha256,
      close.reason,
      close.requestedBy,
      close.approvedBy,
    ]),
  );
}

/** Where a period may end, in UTC: at the first moment of a month or of a day, or anywhere. */
export type PeriodBoundary = 'month' | 'day' | 'none';

/** The newest boundary that is not after the moment. */
export function boundaryUpTo(moment: Date, boundary: PeriodBoundary): Date {
  if (boundary === 'none') return moment;
  return new Date(Date.UTC(moment.getUTCFullYear(), moment.getUTCMonth(), boundary === 'month' ? 1 : moment.getUTCDate()));
}
