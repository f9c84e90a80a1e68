import { cursorInstant, cursorOf } from '@tollbox/platform/http/cursor';
import { limitParameter } from '@tollbox/platform/http/query-parameters';
import { z } from 'zod';
import { isSnapshotId } from '../domain/snapshot';
import { snapshotAnswerSchema } from '../domain/snapshot-wire';

export const snapshotCursor = cursorOf(z.tuple([cursorInstant, z.string().refine(isSnapshotId)]));

export const snapshotsQuery = z.strictObject({ limit: limitParameter('Snapshots'), cursor: snapshotCursor.parameter });

export const snapshotsAnswer = z.object({
  snapshots: z.array(snapshotAnswerSchema),
  next_cursor: z.string().nullable().describe('For the next page; null on the last one.'),
});
export type SnapshotsAnswer = z.output<typeof snapshotsAnswer>;
