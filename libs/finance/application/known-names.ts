import { Inject, Injectable, Optional } from '@nestjs/common';
import { LEDGER_QUERIES, type LedgerQueries } from '@tollbox/ledger/application/ports/ledger-queries';
import { ACCOUNTS, revenueAccount } from '@tollbox/ledger/domain/accounts';
import { TOPUP_OPERATION } from '@tollbox/ledger/domain/postings/payment';
import { OperationRegistry } from '@tollbox/platform/operations/operation';

/** The names that a filter can have: a misspelt one must not look like books without entries. */
@Injectable()
export class KnownNames {
  constructor(
    @Inject(LEDGER_QUERIES) private readonly ledger: LedgerQueries,
    @Optional() private readonly operations?: OperationRegistry,
  ) {}

  /** The chart of accounts, with the revenue accounts of what is or was sold. */
  async accounts(): Promise<readonly string[]> {
    // A top-up of credits earns nothing: its money is owed.
    const sold = (this.operations?.names() ?? []).filter((name) => name !== TOPUP_OPERATION).map(revenueAccount);
    return [...new Set([...Object.keys(ACCOUNTS), ...sold, ...(await this.ledger.accountCodes())])].sort();
  }

  /** What is sold now, and what has earned before. */
  async soldOperations(): Promise<readonly string[]> {
    const prefix = revenueAccount('');
    const earned = (await this.ledger.accountCodes()).filter((code) => code.startsWith(prefix));
    return [...new Set([...(this.operations?.names() ?? []), ...earned.map((code) => code.slice(prefix.length))])].sort();
  }
}
