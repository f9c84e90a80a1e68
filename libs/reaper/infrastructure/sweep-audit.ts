import type { AuditLog } from '@tollbox/platform/audit/audit-log';
import type { SweepAudit } from '../application/sweep';

/** What the sweep did by itself, in the audit log. */
export class AuditedSweep implements SweepAudit {
  constructor(
    private readonly audit: AuditLog,
    private readonly provider: string,
  ) {}

  async orphanRemoved(providerRef: string, sandboxId: string | null): Promise<void> {
    await this.audit.record({
      actorKind: 'system',
      actor: 'reaper',
      action: 'reaper.orphan_removed',
      subjectKind: sandboxId === null ? 'provider_object' : 'sandbox',
      subject: sandboxId ?? providerRef,
      outcome: 'ok',
      detail: { provider: this.provider, providerRef },
    });
  }

  async stopped(detail: { orphans: number; ghosts: number; limit: number }): Promise<void> {
    await this.audit.record({
      actorKind: 'system',
      actor: 'reaper',
      action: 'reaper.sweep_stopped',
      subjectKind: 'provider',
      subject: this.provider,
      outcome: 'refused',
      detail,
    });
  }
}
