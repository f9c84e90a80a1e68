import { Inject, Injectable } from '@nestjs/common';
import { AuditLog, type AuditEntry } from '../audit/audit-log';
import { CLOCK, type Clock } from '../clock/clock';
import { clientNetwork } from '../http/client-network';
import { Sampler } from './sampler';

const WINDOW_MS = 60_000;
const MAX_KEYS = 10_000;

/** Records refused attempts: for each client network, actor and action, one a minute with the number held back before it. */
@Injectable()
export class RefusalLog {
  private readonly sampler = new Sampler(WINDOW_MS, MAX_KEYS);

  constructor(
    private readonly audit: AuditLog,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async record(entry: Omit<AuditEntry, 'outcome'>): Promise<void> {
    const key = `${entry.ip === undefined ? '' : clientNetwork(entry.ip)} ${entry.actor} ${entry.action}`;
    const suppressed = this.sampler.admit(key, this.clock.nowMs());
    if (suppressed === undefined) return;
    await this.audit.record({ ...entry, outcome: 'refused', detail: { ...entry.detail, heldBackBefore: suppressed } });
  }
}
