import { AuditLog } from '@tollbox/platform/audit/audit-log';
import { StaffKeys } from '@tollbox/platform/access/staff-keys';
import { systemClock } from '@tollbox/platform/clock/clock';
import { systemIds, systemRandom } from '@tollbox/platform/clock/random';
import { Pool } from 'pg';

const LIFETIME_MS = 30 * 86_400_000;

/** Creates an operator and a finance key, good for 30 days. */
export async function createDevKeys(databaseUrl: string): Promise<{ adminToken: string; financeToken: string }> {
  const pool = new Pool({ connectionString: databaseUrl, max: 1, application_name: 'tollbox-devstack' });
  try {
    const keys = new StaffKeys(pool, systemClock, systemRandom, systemIds, new AuditLog(pool));
    const wanted = { lifetimeMs: LIFETIME_MS, by: 'devstack' };
    const admin = await keys.create({ ...wanted, name: 'dev operator', role: 'operator' });
    const finance = await keys.create({ ...wanted, name: 'dev finance', role: 'finance' });
    return { adminToken: admin.token, financeToken: finance.token };
  } finally {
    await pool.end();
  }
}
