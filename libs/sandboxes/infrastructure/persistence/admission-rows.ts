import type { Pool, PoolClient } from 'pg';
import { brokenLimit, type CreateRefusal, type LiveCounts, type LiveLimits } from '../../domain/create-limits';
import { LIVE_STATES } from './rows';

/** Creates wait for each other for the time of a few short statements, so that limits hold exactly. */
const ADMISSION_LOCK = 7_261_101;

export async function takeAdmissionLock(client: PoolClient): Promise<void> {
  await client.query('SELECT pg_advisory_xact_lock($1)', [ADMISSION_LOCK]);
}

/** Counts and drain state as of now; the caller holds the admission lock. */
export async function refusalOf(
  client: PoolClient,
  owner: string,
  limits: LiveLimits,
): Promise<CreateRefusal | 'draining' | null> {
  const { rows } = await client.query<{ draining: boolean }>('SELECT drained_at IS NOT NULL AS draining FROM installation');
  if (rows[0]?.draining === true) return 'draining';
  return brokenLimit(await countLive(client, owner), limits);
}

/** Sandboxes that belong to somebody; what waits in the pool takes nobody's place. */
const COUNTS = `SELECT live.*, last_minute.* FROM
  (SELECT count(*)::int AS "ofInstallation", (count(*) FILTER (WHERE owner = $1))::int AS "ofOwner",
    (count(*) FILTER (WHERE state IN ('requested', 'provisioning')))::int AS creating
    FROM sandboxes WHERE state IN ${LIVE_STATES} AND owner IS NOT NULL) live,
  (SELECT count(*)::int AS "createdLastMinute", (count(*) FILTER (WHERE owner = $1))::int AS "createdLastMinuteByOwner"
    FROM sandboxes WHERE created_at > now() - interval '1 min' AND owner IS NOT NULL) last_minute`;

export async function countLive(client: Pool | PoolClient, owner: string): Promise<LiveCounts> {
  const { rows } = await client.query<LiveCounts>(COUNTS, [owner]);
  const [counts] = rows;
  if (counts === undefined) throw new Error('counting gave no row');
  return counts;
}
