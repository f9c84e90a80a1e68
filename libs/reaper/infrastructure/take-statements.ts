import { FINAL_STATES } from '@tollbox/sandboxes/infrastructure/persistence/rows';

/**
 * Rows that one statement looks at for each row that it takes: enough to find the other wallets behind one that has many
 * rows due, few enough that a tick stays short however many are due.
 */
const LOOKS_PER_TAKEN = 4;

/**
 * The first rows of an index (`$1` provider, `$2` how many), in turns of the owners. What another worker changes at the
 * moment is skipped.
 */
const inTurns = (condition: string, order: string): string => `
  first AS MATERIALIZED (
    SELECT id, owner, ${order} AS at FROM sandboxes WHERE ${condition} ORDER BY ${order}, id LIMIT $2 * ${LOOKS_PER_TAKEN}),
  turns AS (SELECT id, at, row_number() OVER (PARTITION BY owner ORDER BY at, id) AS turn FROM first),
  picked AS (SELECT id, at, turn FROM turns ORDER BY turn, at, id LIMIT $2),
  taken AS (
    SELECT s.id, s.state, picked.turn, picked.at FROM sandboxes s JOIN picked ON s.id = picked.id
    WHERE ${condition.replaceAll(/\b(provider|desired_state|state|deadline_at|idle_at|created_at|end_attempt_at)\b/g, 's.$1')}
    FOR NO KEY UPDATE OF s SKIP LOCKED)`;

/** `$3` is the lease in milliseconds. A row without a provider object has nothing to be ended at the provider. */
const TAKE = `desired_state = 'terminated', end_attempts = s.end_attempts + 1, end_attempt_at = now() + $3 * interval '1 ms',
      state = CASE WHEN s.state = 'requested' THEN s.state ELSE 'terminating' END`;

/** Takes live rows and records their end; `$4` is the reason. */
const takeAndRequestEnd = (condition: string, order: string): string => `WITH ${inTurns(condition, order)},
  changed AS (
    UPDATE sandboxes s SET reason = COALESCE(s.reason, $4), ${TAKE} FROM taken WHERE s.id = taken.id
    RETURNING s.*, taken.state AS from_state, taken.turn, taken.at),
  event AS (
    INSERT INTO sandbox_events (sandbox_id, kind, from_state, to_state, reason, actor)
    SELECT id, 'end_requested', from_state, from_state, $4, 'reaper' FROM changed
    UNION ALL SELECT id, 'terminating', from_state, state, reason, 'reaper' FROM changed WHERE state <> from_state)
  SELECT * FROM changed ORDER BY turn, at, id`;

export const TAKE_EXPIRED = takeAndRequestEnd(
  `provider = $1 AND desired_state = 'running' AND state NOT IN ${FINAL_STATES} AND deadline_at <= now()`,
  'deadline_at',
);

export const TAKE_IDLE = takeAndRequestEnd(
  `provider = $1 AND desired_state = 'running' AND state = 'running' AND idle_at <= now()`,
  'idle_at',
);

export const TAKE_STUCK = takeAndRequestEnd(
  `provider = $1 AND desired_state = 'running' AND state IN ('requested', 'provisioning', 'unknown')
    AND created_at <= now() - $5 * interval '1 ms'`,
  'created_at',
);

export const TAKE_ENDS = `WITH ${inTurns(
  `provider = $1 AND desired_state = 'terminated' AND state NOT IN ${FINAL_STATES} AND end_attempt_at <= now()`,
  'end_attempt_at',
)},
  changed AS (
    UPDATE sandboxes s SET ${TAKE} FROM taken WHERE s.id = taken.id
    RETURNING s.*, taken.state AS from_state, taken.turn, taken.at),
  event AS (
    INSERT INTO sandbox_events (sandbox_id, kind, from_state, to_state, reason, actor)
    SELECT id, 'terminating', from_state, state, reason, 'reaper' FROM changed WHERE state <> from_state)
  SELECT * FROM changed ORDER BY turn, at, id`;
