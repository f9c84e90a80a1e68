import { Controller, Delete, Get, Param, Query } from '@nestjs/common';
import { CurrentOwner } from '@tollbox/platform/access/current-owner.decorator';
import { parseOrRefuse } from '@tollbox/platform/http/parse-or-refuse';
import type { Wallet } from '@tollbox/platform/operations/operation';
import { Owner } from '@tollbox/platform/routes/access.decorators';
import { KeepSnapshots } from '../application/snapshots/keep-snapshots';
import { deletedSnapshotAnswerSchema, snapshotAnswer, type DeletedSnapshotAnswer } from '../domain/snapshot-wire';
import { snapshotCursor, snapshotsAnswer, snapshotsQuery, type SnapshotsAnswer } from './snapshot-schemas';

/** The snapshots of a wallet: look at them, delete one. */
@Controller('v1/snapshots')
export class SnapshotsController {
  constructor(private readonly snapshots: KeepSnapshots) {}

  @Get()
  @Owner({ summary: 'Your snapshots, newest first', query: snapshotsQuery, answer: snapshotsAnswer })
  async list(@CurrentOwner() owner: Wallet, @Query() query: unknown): Promise<SnapshotsAnswer> {
    const { limit, cursor } = parseOrRefuse(snapshotsQuery, query, 'invalid_query');
    const after = cursor === undefined ? undefined : { createdAt: new Date(cursor[0]), id: cursor[1] };
    const { snapshots, hasMore } = await this.snapshots.page(owner, after, limit);
    const last = snapshots.at(-1);
    return {
      snapshots: snapshots.map(snapshotAnswer),
      next_cursor: hasMore && last !== undefined ? snapshotCursor.encode([last.createdAt.toISOString(), last.id]) : null,
    };
  }

  @Delete(':snapshot_id')
  @Owner({
    summary: 'Deletes one of your snapshots; sandboxes that were made from it go on',
    answer: deletedSnapshotAnswerSchema,
    errors: ['snapshot_not_found'],
  })
  delete(@Param('snapshot_id') id: string, @CurrentOwner() owner: Wallet): Promise<DeletedSnapshotAnswer> {
    return this.snapshots.delete(owner, id);
  }
}
