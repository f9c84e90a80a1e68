import { Body, Controller, Get, Headers, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { CurrentStaff, type StaffCaller } from '@tollbox/platform/access/current-staff.decorator';
import { parseOrRefuse } from '@tollbox/platform/http/parse-or-refuse';
import { recordId } from '@tollbox/platform/http/record-id';
import { Staff } from '@tollbox/platform/routes/access.decorators';
import { OPEN_ITEMS, type OpenItems } from '../application/ports/open-items';
import { WriteOffDebt, type WrittenOff } from '../application/write-off-debt';
import {
  creditsAnswer,
  creditsQuery,
  debtCursor,
  debtsAnswer,
  debtsQuery,
  walletCursor,
  writeOffAnswer,
  writeOffBody,
  type CreditsAnswer,
  type DebtsAnswer,
} from './open-item-schemas';

/** What buyers owe, and what is owed to them. */
@Controller('finance')
export class OpenItemsController {
  constructor(
    @Inject(OPEN_ITEMS) private readonly openItems: OpenItems,
    private readonly writeOffDebt: WriteOffDebt,
  ) {}

  @Get('debts')
  @Staff({
    roles: ['finance', 'auditor'],
    summary: 'Payments that the chain refused after their answer, and nobody paid since, oldest first',
    query: debtsQuery,
    answer: debtsAnswer,
  })
  async debts(@Query() query: unknown): Promise<DebtsAnswer> {
    const { wallet, limit, cursor } = parseOrRefuse(debtsQuery, query, 'invalid_query');
    const after = cursor === undefined ? undefined : { since: cursor[0], paymentId: cursor[1] };
    const page = await this.openItems.debts(wallet, after, limit);
    const last = page.items.at(-1);
    return {
      debts: [...page.items],
      next_cursor: page.hasMore && last !== undefined ? debtCursor.encode([last.since, last.payment_id]) : null,
      totals: page.totals,
    };
  }

  @Post('debts/:id/write-off')
  @HttpCode(200)
  @Staff({
    roles: ['finance'],
    summary: 'Give up the debt of a payment; a large one with the key of a second person in X-Approval-Key',
    body: writeOffBody,
    answer: writeOffAnswer,
    errors: ['second_key_required', 'conflict'],
  })
  async writeOff(
    @Param('id') id: string,
    @Body() body: unknown,
    @Headers('x-approval-key') approvalKey: string | undefined,
    @CurrentStaff() staff: StaffCaller,
  ): Promise<WrittenOff> {
    const { reason } = parseOrRefuse(writeOffBody, body);
    return this.writeOffDebt.run(recordId(id, 'payment'), reason, staff, approvalKey);
  }

  @Get('credits')
  @Staff({
    roles: ['finance', 'auditor'],
    summary: 'Prepaid credits that are not used, by wallet',
    query: creditsQuery,
    answer: creditsAnswer,
  })
  async credits(@Query() query: unknown): Promise<CreditsAnswer> {
    const { limit, cursor } = parseOrRefuse(creditsQuery, query, 'invalid_query');
    const page = await this.openItems.credits(cursor?.[0], limit);
    const last = page.items.at(-1);
    return {
      wallets: [...page.items],
      next_cursor: page.hasMore && last !== undefined ? walletCursor.encode([last.wallet]) : null,
      totals: page.totals,
    };
  }
}
