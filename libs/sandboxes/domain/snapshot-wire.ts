import { z } from 'zod';
import { isoMicros } from './answers';
import type { Snapshot } from './snapshot';

/** What a snapshot's body may ask for. */
export interface SnapshotLimits {
  readonly defaultTtlS: number;
  readonly maxTtlS: number;
}

const MIN_TTL_S = 60;

export function snapshotBodySchema({ defaultTtlS, maxTtlS }: SnapshotLimits) {
  return z.object({
    sandbox_id: z.string().min(1).max(128).describe('The sandbox whose files are kept.'),
    ttl_s: z
      .number()
      .int()
      .min(MIN_TTL_S)
      .max(maxTtlS)
      .default(defaultTtlS)
      .describe('Seconds that the snapshot is kept, from now on.'),
  });
}
export type SnapshotBodySchema = ReturnType<typeof snapshotBodySchema>;
export type SnapshotBody = z.output<SnapshotBodySchema>;

export const snapshotAnswerSchema = z.object({
  image_id: z.string().describe('The same id as snapshot_id, under the name that Modal gives it.'),
  snapshot_id: z.string().describe('Give it as `snapshot` to create.'),
  sandbox_id: z.string().describe('The sandbox that it was taken of.'),
  size_bytes: z
    .number()
    .int()
    .nullable()
    .describe('What the sandbox had written over its image; null where the provider does not say.'),
  created_at: z.string().describe('ISO 8601, UTC.'),
  expires_at: z.string().describe('When the snapshot is removed. ISO 8601, UTC.'),
});
export type SnapshotAnswer = z.output<typeof snapshotAnswerSchema>;

export const deletedSnapshotAnswerSchema = z.object({
  snapshot_id: z.string(),
  status: z.enum(['deleting', 'deleted']).describe('`deleting` while a sandbox that was made from it still needs it.'),
});
export type DeletedSnapshotAnswer = z.output<typeof deletedSnapshotAnswerSchema>;

/** The answer depends on the row alone, so that a recovered operation answers the same bytes as a live one. */
export function snapshotAnswer(snapshot: Snapshot): SnapshotAnswer {
  return {
    image_id: snapshot.id,
    snapshot_id: snapshot.id,
    sandbox_id: snapshot.sandboxId,
    size_bytes: snapshot.sizeBytes,
    created_at: isoMicros(snapshot.createdAt),
    expires_at: isoMicros(snapshot.expiresAt),
  };
}
