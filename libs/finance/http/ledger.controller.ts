import { Controller, Get, Inject, Query } from '@nestjs/common';
import { LEDGER_QUERIES, type LedgerQueries } from '@tollbox/ledger/application/ports/ledger-queries';
import { parseOrRefuse } from '@tollbox/platform/http/parse-or-refuse';
import { Staff } from '@tollbox/platform/routes/access.decorators';
import {
  accountsAnswer,
  balanceQuery,
  toAccountsAnswer,
  toTrialBalanceAnswer,
  trialBalanceAnswer,
  type AccountsAnswer,
  type TrialBalanceAnswer,
} from './ledger-schemas';

/** What the accounts hold. */
@Controller('finance')
export class LedgerController {
  constructor(@Inject(LEDGER_QUERIES) private readonly ledger: LedgerQueries) {}

  @Get('accounts')
  @Staff({
    roles: ['finance', 'auditor'],
    summary: 'The accounts that were ever used, with their balances now or at a time',
    query: balanceQuery,
    answer: accountsAnswer,
  })
  async accounts(@Query() query: unknown): Promise<AccountsAnswer> {
    const moment = parseOrRefuse(balanceQuery, query, 'invalid_query');
    return toAccountsAnswer(moment, await this.ledger.trialBalance(moment));
  }

  @Get('trial-balance')
  @Staff({
    roles: ['finance', 'auditor'],
    summary: 'The trial balance now or at a time: every account, and debits and credits of each asset',
    query: balanceQuery,
    answer: trialBalanceAnswer,
  })
  async trialBalance(@Query() query: unknown): Promise<TrialBalanceAnswer> {
    const moment = parseOrRefuse(balanceQuery, query, 'invalid_query');
    return toTrialBalanceAnswer(moment, await this.ledger.trialBalance(moment));
  }
}
