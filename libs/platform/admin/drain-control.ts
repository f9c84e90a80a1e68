import { Inject, Injectable } from '@nestjs/common';
import type { Pool, PoolClient } from 'pg';
import type { StaffCaller } from '../access/current-staff.decorator';
import { AuditLog } from '../audit/audit-log';
import { PG_POOL } from '../database/pg-pool';
import { inTransaction } from '../database/transaction';
import { InstallationService, type DrainState } from '../installation/installation.service';

export interface DrainAnswer {
  readonly draining: boolean;
  /** ISO 8601 in UTC. */
  readonly drained_at: string | null;
  readonly drained_by: string | null;
}

const toAnswer = (state: DrainState): DrainAnswer => ({
  draining: state.draining,
  drained_at: state.drainedAt?.toISOString() ?? null,
  drained_by: state.drainedBy,
});

/** Draining as a staff action: done and recorded under the key that asked for it, both or neither. */
@Injectable()
export class DrainControl {
  constructor(
    private readonly installation: InstallationService,
    private readonly audit: AuditLog,
    @Inject(PG_POOL) private readonly pool: Pool,
  ) {}

  async drain(staff: StaffCaller): Promise<DrainAnswer> {
    return this.change('installation.drain', staff, (client) => this.installation.drain(staff.name, client));
  }

  async undrain(staff: StaffCaller): Promise<DrainAnswer> {
    return this.change('installation.undrain', staff, (client) => this.installation.undrain(client));
  }

  private async change(
    action: string,
    staff: StaffCaller,
    work: (client: PoolClient) => Promise<DrainState>,
  ): Promise<DrainAnswer> {
    return inTransaction(this.pool, async (client) => {
      const state = await work(client);
      const { keyId, name, role, requestId, ip } = staff;
      const subject = { subjectKind: 'installation', subject: this.installation.id };
      await this.audit.record(
        { actorKind: 'staff', actor: keyId, action, ...subject, outcome: 'ok', detail: { name, role }, requestId, ip },
        client,
      );
      return toAnswer(state);
    });
  }
}
