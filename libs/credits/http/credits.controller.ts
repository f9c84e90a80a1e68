import { Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import type { z } from 'zod';
import { CurrentOwner } from '@tollbox/platform/access/current-owner.decorator';
import { parseOrRefuse } from '@tollbox/platform/http/parse-or-refuse';
import type { Wallet } from '@tollbox/platform/operations/operation';
import { Owner, Priced } from '@tollbox/platform/routes/access.decorators';
import { Paid, type PaidCall } from '@tollbox/platform/routes/paid-call.decorator';
import type { CreditToken } from '../application/ports/credit-store';
import { RevokeToken } from '../application/revoke-token';
import { ShowCredits, type Credits } from '../application/show-credits';
import { TopUpOperation } from '../application/topup.operation';
import type { TopUpBody } from '../domain/topup';
import { creditsAnswer, creditsQuery, statementCursor, tokenAnswer } from './credit-schemas';

/** Prepaid credits: buy them, look at them, take a token back. */
@Controller('v1/credits')
export class CreditsController {
  constructor(
    private readonly topUps: TopUpOperation,
    private readonly credits: ShowCredits,
    private readonly tokens: RevokeToken,
  ) {}

  @Post()
  @HttpCode(200)
  @Priced({
    operation: 'credits.topup',
    summary: 'Prepay calls: buys credits for the amount asked, to be used with a token of yours',
  })
  async topUp(@Paid() call: PaidCall<TopUpBody>): Promise<unknown> {
    return (await this.topUps.run(call)).body;
  }

  @Get()
  @Owner({ summary: 'Your prepaid credits: balance, tokens and statement', query: creditsQuery, answer: creditsAnswer })
  async show(@CurrentOwner() owner: Wallet, @Query() query: unknown): Promise<z.output<typeof creditsAnswer>> {
    const { limit, cursor } = parseOrRefuse(creditsQuery, query, 'invalid_query');
    return answerOf(await this.credits.show(owner, limit, cursor === undefined ? undefined : BigInt(cursor[0])));
  }

  @Delete('tokens/:sha256')
  @Owner({ summary: 'Revokes one of your credit tokens, for good; the credits stay', answer: tokenAnswer })
  async revoke(@Param('sha256') sha256: string, @CurrentOwner() owner: Wallet): Promise<z.output<typeof tokenAnswer>> {
    return tokenOf(await this.tokens.revoke(sha256, owner));
  }
}

function answerOf({ wallet, balance, tokens, statement, nextLine }: Credits): z.output<typeof creditsAnswer> {
  const usable = balance.balanceAtomic - balance.heldAtomic - balance.pendingAtomic - balance.debtAtomic;
  return {
    wallet,
    usable_atomic: (usable > 0n ? usable : 0n).toString(),
    balance_atomic: balance.balanceAtomic.toString(),
    held_atomic: balance.heldAtomic.toString(),
    pending_atomic: balance.pendingAtomic.toString(),
    debt_atomic: balance.debtAtomic.toString(),
    tokens: tokens.map(tokenOf),
    statement: statement.map((entry) => ({
      id: entry.id.toString(),
      at: entry.at.toISOString(),
      event: entry.event,
      amount_atomic: entry.amountAtomic.toString(),
      balance_after_atomic: entry.balanceAfterAtomic.toString(),
      operation: entry.operation,
      operation_id: entry.operationId,
      payment_id: entry.paymentId,
    })),
    next_cursor: nextLine === null ? null : statementCursor.encode([nextLine.toString()]),
  };
}

function tokenOf({ sha256, createdAt, revokedAt }: CreditToken): z.output<typeof tokenAnswer> {
  return { token_sha256: sha256, created_at: createdAt.toISOString(), revoked_at: revokedAt?.toISOString() ?? null };
}
