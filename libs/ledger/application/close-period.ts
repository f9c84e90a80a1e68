import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import { closeSha256, totalsSha256, type PeriodClose } from '../domain/period';
import { readContents } from './period-content';
import type { PeriodStore } from './ports/period-store';

export interface CloseRequest {
  /** End of the period, exclusive; now unless given. It begins where the one before ends. */
  readonly until?: Date | undefined;
  /** Id of the staff key that asks. */
  readonly requestedBy: string;
  /** Closes the newest closed period again, up to a later end; a second key agrees. */
  readonly supersede?: { readonly reason: string; readonly approvedBy: string } | undefined;
}

export interface CloseSettings {
  /** How long transactions that ran when the barrier was set are waited for. */
  readonly waitMs: number;
  readonly pollMs: number;
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
    const now = await this.store.now();
    const untilAt = request.until ?? now;
    if (untilAt > now) throw new TollboxError('conflict', { message: 'A period can be closed once it is over.' });
    const frame = request.supersede === undefined ? next(newest) : again(newest, request.requestedBy, request.supersede);
    if (untilAt <= frame.fromAt || untilAt < frame.notBefore)
      throw new TollboxError('conflict', {
        message: `The period ends after ${frame.notBefore.toISOString()}, where books are closed.`,
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
  if (newest === null) throw new TollboxError('conflict', { message: 'No period is closed yet.' });
  if (reason.trim() === '') throw new TollboxError('conflict', { message: 'Closing a period again needs a reason.' });
  if (approvedBy === requestedBy)
    throw new TollboxError('forbidden', { message: 'Closing a period again needs the key of a second person.' });
  const { seq, number, version, fromAt, untilAt } = newest;
  return { seq: seq + 1, number, version: version + 1, fromAt, notBefore: untilAt, reason, approvedBy };
}
