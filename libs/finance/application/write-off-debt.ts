import { Inject, Injectable } from '@nestjs/common';
import type { StaffCaller } from '@tollbox/platform/access/current-staff.decorator';
import { CONFIG, type Config } from '@tollbox/platform/config/config';
import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import { DEBT_BOOK, type DebtBook } from './ports/debt-book';
import { SecondKey } from './second-key';

export interface WrittenOff {
  readonly payment_id: string;
  readonly amount_atomic: string;
  readonly approved_by: string | null;
}

/** Gives the debt of a payment up, once. A large one needs a second key. */
@Injectable()
export class WriteOffDebt {
  constructor(
    @Inject(DEBT_BOOK) private readonly debts: DebtBook,
    @Inject(CONFIG) private readonly config: Config,
    private readonly secondKey: SecondKey,
  ) {}

  /** @throws TollboxError `not_found`, `conflict` when it was cleared before, `second_key_required` */
  async run(paymentId: string, reason: string, staff: StaffCaller, approvalToken?: string): Promise<WrittenOff> {
    const approvedBy = await this.secondKey.approvalOf(approvalToken, staff.keyId);
    const outcome = await this.debts.writeOff({
      paymentId,
      by: staff.keyId,
      reason,
      maxAtomic: approvedBy === undefined ? this.config.DEBT_WRITE_OFF_MAX_ATOMIC : null,
      audit: {
        actorKind: 'staff',
        actor: staff.keyId,
        action: 'debt.write_off',
        subjectKind: 'payment',
        subject: paymentId,
        outcome: 'ok',
        detail: { name: staff.name, role: staff.role, reason, approved_by: approvedBy ?? null },
        requestId: staff.requestId,
        ip: staff.ip,
      },
    });
    switch (outcome.kind) {
      case 'written_off':
        return { payment_id: paymentId, amount_atomic: outcome.amountAtomic.toString(), approved_by: approvedBy ?? null };
      case 'above_limit':
        throw new TollboxError('second_key_required', {
          details: `The debt is ${outcome.amountAtomic.toString()}; one key gives up ${this.config.DEBT_WRITE_OFF_MAX_ATOMIC.toString()} at most.`,
        });
      case 'cleared':
        throw new TollboxError('conflict', { message: 'This debt was paid or given up before.' });
      case 'not_found':
        throw new TollboxError('not_found', { message: 'There is no payment with this id that left a debt.' });
    }
  }
}
