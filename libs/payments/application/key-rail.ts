import type { FollowBatches } from './follow-batches';
import type { FollowReport, SendReport, SettlementRail } from './ports/settlement-rail';
import type { Lease } from './ports/settlement-store';
import type { SendBatch } from './send-batch';

/** Settles with a signing key of this process. */
export class KeyRail implements SettlementRail {
  constructor(
    readonly leaseName: string,
    private readonly sender: SendBatch,
    private readonly follower: FollowBatches,
  ) {}

  send(lease: Lease): Promise<SendReport> {
    return this.sender.send(lease);
  }

  follow(lease: Lease): Promise<FollowReport> {
    return this.follower.follow(lease);
  }
}
