import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import { boundaryUpTo, closeSha256, totalsSha256, type PeriodBoundary, type PeriodClose } from '../domain/period';
import { readContents } from './period-content';
import type { PeriodStore } from './ports/period-store';

export interface CloseRequest {
  /** End of the period, exclusive. It begins where the one before ends. */
  readonly until: Date;
  /** Id of the staff key that asks. */
  readonly requestedBy: string;
  /** Closes the newest closed period again, up to a later end; a second key agrees. */
  readonly supersede?: { readonly reason: string; readonly approvedBy: string } | undefined;
}

export interface CloseSettings {
  /** How long transactions that ran when the barrier was set are waited for. */
  readonly waitMs: number;
  readonly pollMs: number;
  /** How long after its end a period can be closed. */
  readonly settlingMs: number;
  readonly boundary: PeriodBoundary;
}

/**
 * Closes a period: no entry is recorded in it any more, and its totals and the hash of its content are kept. First a
 * barrier refuses late entries, then what ran already is waited for, then everything is read.
 */
export class ClosePeriod {
  constructor(
    private readonly store: PeriodStore,
    private readonly settings: CloseSettings,
  ) {}

  async run(request: CloseRequest): Promise<PeriodClose> {
    const newest = await this.store.newest();
    const { until: untilAt } = request;
    this.refuseOpenEnd(untilAt, await this.store.now());
    const frame = request.supersede === undefined ? next(newest) : again(newest, request.requestedBy, request.supersede);
    if (untilAt <= frame.fromAt || untilAt < frame.notBefore)
      throw new TollboxError('conflict', {
        message: `The books are closed up to ${frame.notBefore.toISOString()}, so a period cannot end at ${untilAt.toISOString()}.`,
        suggestion: 'See GET /finance/periods, and close up to a later time.',
      });

    await this.shut(untilAt);
    const { seq, number, version, fromAt, reason, approvedBy } = frame;
    const [content] = await readContents(this.store, [{ fromAt, untilAt }], 'ranges');
    if (content === undefined) throw new Error('one range has one content');
    const unsigned = {
      ...{ seq, number, version, fromAt, untilAt, reason, approvedBy, requestedBy: request.requestedBy },
      ...content,
      totalsSha256: totalsSha256(content.totals),
      previousSha256: newest?.sha256 ?? '',
    };
    const close = { ...unsigned, sha256: closeSha256(unsigned) };
    if (!(await this.store.append(close)))
      throw new TollboxError('conflict', { message: 'Another close came first; look at it.' });
    return close;
  }

  /** @throws TollboxError when the end is not on a boundary, or not far enough behind us */
  private refuseOpenEnd(untilAt: Date, now: Date): void {
    const { boundary, settlingMs } = this.settings;
    const newest = boundaryUpTo(new Date(now.getTime() - settlingMs), boundary).toISOString();
    const suggestion = `The newest end that can be closed now is ${newest}.`;
    if (boundaryUpTo(untilAt, boundary).getTime() !== untilAt.getTime()) {
      const message = `\`until\` is ${untilAt.toISOString()}; a period ends at the first moment of a ${boundary} in UTC`;
      throw new TollboxError('invalid_body', { suggestion, details: [{ code: 'custom', path: ['until'], message }] });
    }
    const missingMs = untilAt.getTime() + settlingMs - now.getTime();
    if (missingMs > 0)
      throw new TollboxError('period_not_over', {
        message: `A period can be closed ${settlingMs / 1_000} s after its end; \`until\` is ${untilAt.toISOString()}, and it is ${now.toISOString()} now.`,
        suggestion: `${suggestion} Or send the request again after Retry-After.`,
        retryAfterSeconds: Math.ceil(missingMs / 1_000),
      });
  }

  /** Resolves when nothing can be recorded before `until` any more. */
  private async shut(until: Date): Promise<void> {
    const transactionId = await this.store.setBarrier(until);
    for (let waitedMs = 0; !(await this.store.haveEnded(transactionId)); waitedMs += this.settings.pollMs) {
      if (waitedMs >= this.settings.waitMs)
        throw new TollboxError('conflict', { message: 'A transaction from before the end of the period still runs. Try again.' });
      await new Promise((resolve) => setTimeout(resolve, this.settings.pollMs));
    }
  }
}

interface Frame {
  readonly seq: number;
  readonly number: number;
  readonly version: number;
  readonly fromAt: Date;
  readonly notBefore: Date;
  readonly reason: string | null;
  readonly approvedBy: string | null;
}

function next(newest: PeriodClose | null): Frame {
  const fromAt = newest?.untilAt ?? new Date(0);
  const number = (newest?.number ?? 0) + 1;
  return { seq: (newest?.seq ?? 0) + 1, number, version: 1, fromAt, notBefore: fromAt, reason: null, approvedBy: null };
}

function again(
  newest: PeriodClose | null,
  requestedBy: string,
  { reason, approvedBy }: { reason: string; approvedBy: string },
): Frame {
  if (newest === null)
    throw new TollboxError('conflict', {
      message: 'No period is closed yet.',
      suggestion: 'Close one with POST /finance/periods/close.',
    });
  if (reason.trim() === '') throw new TollboxError('conflict', { message: 'Closing a period again needs a reason.' });
  if (approvedBy === requestedBy)
    throw new TollboxError('second_key_required', { message: 'Closing a period again needs the key of a second person.' });
  const { seq, number, version, fromAt, untilAt } = newest;
  return { seq: seq + 1, number, version: version + 1, fromAt, notBefore: untilAt, reason, approvedBy };
}
