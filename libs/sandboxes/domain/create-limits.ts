/** Limits of creates, of one wallet and of the installation. */
export interface LiveLimits {
  readonly maxLive: number;
  readonly maxLivePerOwner: number;
  /** Creates that the provider works on. */
  readonly maxCreating: number;
  readonly maxCreatesPerMinute: number;
  readonly maxCreatesPerMinutePerOwner: number;
}

/** What counts against the limits of creates. */
export interface LiveCounts {
  readonly ofInstallation: number;
  readonly ofOwner: number;
  readonly creating: number;
  readonly createdLastMinute: number;
  readonly createdLastMinuteByOwner: number;
}

export type CreateRefusal =
  'limit_of_owner' | 'limit_of_installation' | 'pace_of_owner' | 'pace_of_installation' | 'queue_of_installation';

/** The limit that one more create would break. */
export function brokenLimit(counts: LiveCounts, limits: LiveLimits): CreateRefusal | null {
  if (counts.ofOwner >= limits.maxLivePerOwner) return 'limit_of_owner';
  if (counts.ofInstallation >= limits.maxLive) return 'limit_of_installation';
  if (counts.createdLastMinuteByOwner >= limits.maxCreatesPerMinutePerOwner) return 'pace_of_owner';
  if (counts.createdLastMinute >= limits.maxCreatesPerMinute) return 'pace_of_installation';
  return counts.creating >= limits.maxCreating ? 'queue_of_installation' : null;
}
