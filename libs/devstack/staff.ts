import { AuditLog } from '@tollbox/platform/audit/audit-log';
import { StaffKeys } from '@tollbox/platform/access/staff-keys';
import { systemClock } from '@tollbox/platform/clock/clock';
import { systemIds, systemRandom } from '@tollbox/platform/clock/random';
import { Pool } from 'pg';

const LIFETIME_MS = 30 * 86_400_000;

export interface DevKeys {
  readonly adminToken: string;
  readonly financeToken: string;
  /** A second finance key, for what one may not do alone. */
  readonly approverToken: string;
}

/** Creates an operator's and two finance keys, good for 30 days. */
export async function createDevKeys(databaseUrl: string): Promise<DevKeys> {
  const pool = new Pool({ connectionString: databaseUrl, max: 1, application_name: 'tollbox-devstack' });
  try {
    const keys = new StaffKeys(pool, systemClock, systemRandom, systemIds, new AuditLog(pool));
    const wanted = { lifetimeMs: LIFETIME_MS, by: 'devstack' };
    const admin = await keys.create({ ...wanted, name: 'dev operator', role: 'operator' });
    const finance = await keys.create({ ...wanted, name: 'dev finance', role: 'finance' });
    const approver = await keys.create({ ...wanted, name: 'dev approver', role: 'finance' });
    return { adminToken: admin.token, financeToken: finance.token, approverToken: approver.token };
  } finally {
    await pool.end();
  }
}
