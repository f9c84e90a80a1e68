import { Controller, Get, HttpCode, Inject, Post } from '@nestjs/common';
import { z } from 'zod';
import { CurrentStaff, type StaffCaller } from '@tollbox/platform/access/current-staff.decorator';
import { Staff } from '@tollbox/platform/routes/access.decorators';
import { SETTLEMENT_CONTROL, type SettlementControl, type SettlementOverview } from '../application/ports/settlement-control';

const settlementAnswer = z.object({
  paused: z.boolean(),
  paused_at: z.iso.datetime().nullable().describe('Since when no new settlement transaction is sent.'),
  paused_by: z.string().nullable().describe('Name of the staff key that paused.'),
  queued_payments: z.number().int(),
  oldest_queued_at: z.iso.datetime().nullable(),
  payments_in_flight: z.number().int().describe('Carried by a transaction whose end is not seen yet.'),
  unknown_payments: z.number().int().describe('Of those: sent, and without an outcome for longer than usual.'),
  keys: z.array(
    z.object({
      address: z.string(),
      open_transactions: z.number().int(),
      lowest_open_nonce: z.string().nullable(),
      oldest_open_at: z.iso.datetime().nullable(),
      held_by: z.string().nullable().describe('The worker that signs with this key now.'),
    }),
  ),
});
type SettlementAnswer = z.output<typeof settlementAnswer>;

const toAnswer = (overview: SettlementOverview): SettlementAnswer => ({
  paused: overview.pausedAt !== null,
  paused_at: overview.pausedAt,
  paused_by: overview.pausedBy,
  queued_payments: overview.queuedPayments,
  oldest_queued_at: overview.oldestQueuedAt,
  payments_in_flight: overview.paymentsInFlight,
  unknown_payments: overview.unknownPayments,
  keys: overview.keys.map((key) => ({
    address: key.address,
    open_transactions: key.openTransactions,
    lowest_open_nonce: key.lowestOpenNonce?.toString() ?? null,
    oldest_open_at: key.oldestOpenAt,
    held_by: key.heldBy,
  })),
});

/** What an operator sees of settlement, and the switch for new transactions. */
@Controller('admin/settlement')
export class SettlementController {
  constructor(@Inject(SETTLEMENT_CONTROL) private readonly control: SettlementControl) {}

  @Get()
  @Staff({
    roles: ['operator', 'finance', 'auditor'],
    summary: 'Whether settlement is paused, what waits and what is on its way, per signing key',
    answer: settlementAnswer,
  })
  async show(): Promise<SettlementAnswer> {
    return toAnswer(await this.control.overview());
  }

  @Post('pause')
  @HttpCode(200)
  @Staff({
    roles: ['operator'],
    summary: 'Send no new settlement transactions; what is on its way is followed to its end',
    answer: settlementAnswer,
  })
  async pause(@CurrentStaff() staff: StaffCaller): Promise<SettlementAnswer> {
    return toAnswer(await this.control.pause(staff));
  }

  @Post('resume')
  @HttpCode(200)
  @Staff({ roles: ['operator'], summary: 'Send settlement transactions again', answer: settlementAnswer })
  async resume(@CurrentStaff() staff: StaffCaller): Promise<SettlementAnswer> {
    return toAnswer(await this.control.resume(staff));
  }
}
