import { Logger } from '@nestjs/common';
import type { RefusalLog } from '@tollbox/platform/access/refusal-log';
import type { RefusalObserver } from '../application/ports/refusal-observer';

/** Writes sampled attempts on strangers' sandboxes into the audit log, after the answer: its time must not tell them apart. */
export class AuditedRefusals implements RefusalObserver {
  private readonly logger = new Logger('Sandboxes');

  constructor(private readonly log: RefusalLog) {}

  foreignSandbox({ owner, sandboxId, operation }: { owner: string; sandboxId: string; operation: string }): void {
    this.log
      .record({ actorKind: 'wallet', actor: owner, action: operation, subjectKind: 'sandbox', subject: sandboxId })
      .catch((error: unknown) =>
        this.logger.warn({ msg: 'an attempt on another owner’s sandbox could not be recorded', err: error }),
      );
  }
}
