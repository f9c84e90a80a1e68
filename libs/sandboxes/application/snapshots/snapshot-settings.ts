import type { Config } from '@tollbox/platform/config/config';
import type { SnapshotLimits } from '../../domain/snapshot-wire';

/** Deadlines and limits of the snapshots. */
export interface SnapshotSettings extends SnapshotLimits {
  readonly takeDeadlineMs: number;
  /** Deadline of removing one or of listing them. */
  readonly removeDeadlineMs: number;
  readonly maxPerOwner: number;
}

export function snapshotSettings(config: Config): SnapshotSettings {
  return {
    takeDeadlineMs: config.SNAPSHOT_DEADLINE_MS,
    removeDeadlineMs: config.SANDBOX_TERMINATE_DEADLINE_MS,
    maxPerOwner: config.SNAPSHOT_MAX_PER_OWNER,
    defaultTtlS: Math.min(config.SNAPSHOT_TTL_S, config.SNAPSHOT_MAX_TTL_S),
    maxTtlS: config.SNAPSHOT_MAX_TTL_S,
  };
}
