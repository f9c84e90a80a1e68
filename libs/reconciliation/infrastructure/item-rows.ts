import type { PoolClient } from 'pg';
import { ITEM_CLASSES, type Finding, type ItemClass } from '../domain/item';
import type { StartedRun } from '../application/ports/reconciliation-store';

const BY = 'reconciliation';

/**
 * A closed item opens again when it had closed by itself, or when its values have changed since a person closed it. What a
 * person decided about these very values stays decided.
 */
const REPORT = `WITH found AS (
    SELECT * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::text[])
      AS f (class, subject, expected, actual, detail, resolution)),
  seen AS (
    INSERT INTO reconciliation_items AS item (class, subject, state, expected, actual, detail, resolution, closed_at, first_seen_run, last_seen_run)
    SELECT class, subject, CASE WHEN resolution IS NULL THEN 'open' ELSE 'resolved' END, expected, actual, detail, resolution,
      CASE WHEN resolution IS NULL THEN NULL ELSE now() END, $1, $1 FROM found
    ON CONFLICT (class, subject) DO UPDATE SET expected = excluded.expected, actual = excluded.actual, detail = excluded.detail,
      last_seen_run = excluded.last_seen_run,
      (state, resolution, closed_at) = (SELECT * FROM (VALUES
        (CASE WHEN excluded.resolution IS NOT NULL THEN excluded.state
              WHEN item.resolution = 'gone' OR (item.expected, item.actual) IS DISTINCT FROM (excluded.expected, excluded.actual) THEN 'open'
              ELSE item.state END,
         CASE WHEN excluded.resolution IS NOT NULL THEN excluded.resolution
              WHEN item.resolution = 'gone' OR (item.expected, item.actual) IS DISTINCT FROM (excluded.expected, excluded.actual) THEN NULL
              ELSE item.resolution END,
         CASE WHEN excluded.resolution IS NOT NULL THEN coalesce(item.closed_at, now())
              WHEN item.resolution = 'gone' OR (item.expected, item.actual) IS DISTINCT FROM (excluded.expected, excluded.actual) THEN NULL
              ELSE item.closed_at END)) AS after (state, resolution, closed_at))
    RETURNING WITH (OLD AS before, NEW AS after) after.id, before.state AS from_state, after.state AS to_state, after.resolution, after.detail)
  INSERT INTO reconciliation_item_events (item_id, run_id, from_state, to_state, resolution, actor, reason, detail)
  SELECT id, $1, from_state, to_state, resolution, '${BY}', CASE WHEN to_state = 'open' THEN 'found' ELSE 'settled by itself' END, detail
  FROM seen WHERE from_state IS DISTINCT FROM to_state`;

export async function reportFindings(client: PoolClient, run: StartedRun, findings: readonly Finding[]): Promise<void> {
  if (findings.length === 0) return;
  await client.query(REPORT, [
    run.id.toString(),
    findings.map((finding) => finding.class),
    findings.map(({ subject }) => subject),
    findings.map(({ expected }) => expected),
    findings.map(({ actual }) => actual),
    findings.map(({ detail }) => JSON.stringify(detail)),
    findings.map(({ resolution }) => resolution ?? null),
  ]);
}

/** Closes open items that meet a condition on `reconciliation_items`, with placeholders from $4 on. */
async function close(
  client: PoolClient,
  run: StartedRun,
  reason: string,
  condition: string,
  values: readonly unknown[],
): Promise<number> {
  const { rowCount } = await client.query(
    `WITH closed AS (
       UPDATE reconciliation_items SET state = 'resolved', resolution = $2, closed_at = now()
       WHERE state = 'open' AND ${condition} RETURNING id)
     INSERT INTO reconciliation_item_events (item_id, run_id, from_state, to_state, resolution, actor, reason)
     SELECT id, $1, 'open', 'resolved', $2, '${BY}', $3 FROM closed`,
    [run.id.toString(), 'gone', reason, ...values],
  );
  return rowCount ?? 0;
}

/** Differences of these classes that the run has not seen are gone. */
export function closeUnseen(client: PoolClient, run: StartedRun, classes: readonly ItemClass[]): Promise<number> {
  const differences = classes.filter((name) => ITEM_CLASSES[name] === 'difference');
  return close(client, run, 'no longer found', 'class = ANY ($4::text[]) AND last_seen_run < $1', [differences]);
}

/** What was told about these receipts holds no more. */
export function closeOfReceipts(
  client: PoolClient,
  run: StartedRun,
  receiptIds: readonly string[],
  reason: string,
): Promise<number> {
  const events = Object.entries(ITEM_CLASSES).flatMap(([name, kind]) => (kind === 'event' ? [name] : []));
  return close(client, run, reason, 'class = ANY ($4::text[]) AND subject = ANY ($5::text[])', [events, receiptIds]);
}
