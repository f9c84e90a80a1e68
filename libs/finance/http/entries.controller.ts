import { Controller, Get, Inject, Query } from '@nestjs/common';
import { parseOrRefuse } from '@tollbox/platform/http/parse-or-refuse';
import { Staff } from '@tollbox/platform/routes/access.decorators';
import { KnownNames } from '../application/known-names';
import { JOURNAL_ENTRIES, type JournalEntries } from '../application/ports/journal-entries';
import { entriesAnswer, entriesQuery, entryCursor, type EntriesAnswer } from './entry-schemas';
import { refuseUnknownName } from './known-name';

/** The journal as it was written. */
@Controller('finance/entries')
export class EntriesController {
  constructor(
    @Inject(JOURNAL_ENTRIES) private readonly journal: JournalEntries,
    private readonly known: KnownNames,
  ) {}

  @Get()
  @Staff({
    roles: ['finance', 'auditor'],
    summary: 'Entries of the journal by account, subject, event, wallet, asset and time, newest first',
    query: entriesQuery,
    answer: entriesAnswer,
  })
  async list(@Query() query: unknown): Promise<EntriesAnswer> {
    const { limit, cursor, ...filter } = parseOrRefuse(entriesQuery, query, 'invalid_query');
    if (filter.account !== undefined) refuseUnknownName('account', filter.account, await this.known.accounts());
    const after = cursor === undefined ? undefined : { recordedAt: cursor[0], id: cursor[1] };
    const page = await this.journal.page(filter, after, limit);
    const last = page.entries.at(-1);
    return {
      entries: [...page.entries],
      next_cursor: page.hasMore && last !== undefined ? entryCursor.encode([last.recorded_at, last.id]) : null,
    };
  }
}
