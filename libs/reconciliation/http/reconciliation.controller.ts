import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { CurrentStaff, type StaffCaller } from '@tollbox/platform/access/current-staff.decorator';
import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import { parseOrRefuse } from '@tollbox/platform/http/parse-or-refuse';
import { Staff } from '@tollbox/platform/routes/access.decorators';
import {
  RECONCILIATION_QUERIES,
  type ItemEvent,
  type ItemRecord,
  type Page,
  type ReconciliationQueries,
  type RunRecord,
} from '../application/ports/reconciliation-queries';
import { ResolveItem } from '../application/resolve-item';
import {
  itemAnswer,
  itemsAnswer,
  itemsQuery,
  resolveBody,
  runAnswer,
  runsAnswer,
  runsQuery,
  serialCursor,
} from './reconciliation-schemas';

const READERS = ['finance', 'auditor'] as const;

function nextCursor({ rows, hasMore }: Page<{ readonly id: string }>): string | null {
  const last = rows.at(-1);
  return hasMore && last !== undefined ? serialCursor.encode([last.id]) : null;
}

/** Whether books, chain and provider agree, and what was done where they do not. */
@Controller('finance/reconciliation')
export class ReconciliationController {
  constructor(
    @Inject(RECONCILIATION_QUERIES) private readonly queries: ReconciliationQueries,
    private readonly resolveItem: ResolveItem,
  ) {}

  @Post('runs')
  @HttpCode(202)
  @Staff({ roles: ['finance'], summary: 'Ask for a reconciliation; the worker does it at once', answer: runAnswer })
  request(@CurrentStaff() staff: StaffCaller): Promise<RunRecord> {
    return this.queries.request(staff.name);
  }

  @Get('runs')
  @Staff({ roles: READERS, summary: 'Reconciliations, newest first', query: runsQuery, answer: runsAnswer })
  async runs(@Query() query: unknown): Promise<{ runs: readonly RunRecord[]; next_cursor: string | null }> {
    const { limit, cursor } = parseOrRefuse(runsQuery, query, 'invalid_query');
    const page = await this.queries.runs(cursor?.[0], limit);
    return { runs: page.rows, next_cursor: nextCursor(page) };
  }

  @Get('runs/:id')
  @Staff({ roles: READERS, summary: 'One reconciliation with its counts and totals', answer: runAnswer })
  async run(@Param('id') id: string): Promise<RunRecord> {
    return found(isSerial(id) ? await this.queries.run(id) : undefined, 'run');
  }

  @Get('items')
  @Staff({
    roles: READERS,
    summary: 'Differences by state, class, subject and run, newest first',
    query: itemsQuery,
    answer: itemsAnswer,
  })
  async items(@Query() query: unknown): Promise<{ items: readonly ItemRecord[]; next_cursor: string | null }> {
    const { limit, cursor, ...filter } = parseOrRefuse(itemsQuery, query, 'invalid_query');
    const page = await this.queries.items(filter, cursor?.[0], limit);
    return { items: page.rows, next_cursor: nextCursor(page) };
  }

  @Get('items/:id')
  @Staff({ roles: READERS, summary: 'One difference with the log of what was done about it', answer: itemAnswer })
  async item(@Param('id') id: string): Promise<ItemRecord & { events: readonly ItemEvent[] }> {
    return found(isSerial(id) ? await this.queries.item(id) : undefined, 'item');
  }

  @Post('items/:id/resolve')
  @HttpCode(200)
  @Staff({
    roles: ['finance'],
    summary: 'Decide about a difference, with a reason; what is decided is booked with it',
    body: resolveBody,
    answer: itemAnswer,
    errors: ['conflict'],
  })
  async resolve(
    @Param('id') id: string,
    @Body() body: unknown,
    @CurrentStaff() staff: StaffCaller,
  ): Promise<ItemRecord & { events: readonly ItemEvent[] }> {
    const { resolution, reason } = parseOrRefuse(resolveBody, body, 'invalid_body');
    if (!isSerial(id)) throw noSuch('item');
    const { keyId, requestId, ip } = staff;
    await this.resolveItem.run(id, { resolution, reason, actor: staff.name, keyId, requestId, ip });
    return found(await this.queries.item(id), 'item');
  }
}

const isSerial = (id: string): boolean => /^[1-9][0-9]{0,17}$/.test(id);
const noSuch = (what: string): TollboxError => new TollboxError('not_found', { message: `There is no ${what} with this id.` });

function found<T>(record: T | undefined, what: string): T {
  if (record === undefined) throw noSuch(what);
  return record;
}
