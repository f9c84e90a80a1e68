import { Controller, HttpCode, Post } from '@nestjs/common';
import { Priced } from '@tollbox/platform/routes/access.decorators';
import { Paid, type PaidCall } from '@tollbox/platform/routes/paid-call.decorator';
import { TakeSnapshot } from '../application/snapshots/take-snapshot';
import type { SnapshotAnswer, SnapshotBody } from '../domain/snapshot-wire';

/** Takes file system snapshots, against payment. */
@Controller('v1/sandboxes/:sandbox_id')
export class SnapshotSalesController {
  constructor(private readonly takeSnapshot: TakeSnapshot) {}

  @Post('snapshot')
  @HttpCode(200)
  @Priced({ operation: 'sandbox.snapshot', summary: 'Keep the files of a sandbox, for new sandboxes to start from' })
  take(@Paid() { owner, operationId, body }: PaidCall<SnapshotBody>): Promise<SnapshotAnswer> {
    return this.takeSnapshot.execute({ owner, operationId, sandboxId: body.sandbox_id, ttlMs: body.ttl_s * 1_000 });
  }
}
