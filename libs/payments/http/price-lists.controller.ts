import { Controller, Get, Inject, Query } from '@nestjs/common';
import { z } from 'zod';
import { parseOrRefuse } from '@tollbox/platform/http/parse-or-refuse';
import { limitParameter } from '@tollbox/platform/http/query-parameters';
import { Staff } from '@tollbox/platform/routes/access.decorators';
import { PRICE_LIST_STORE, type PriceListStore } from '../application/ports/price-list-store';
import { priceListSchema } from '../domain/pricing';

const priceListsQuery = z.strictObject({
  limit: limitParameter('Lists', 100, 20),
  before_version: z
    .string()
    .regex(/^[1-9][0-9]{0,8}$/, 'the number of a version')
    .transform(Number)
    .optional()
    .describe('Only versions below this one: `next_before_version` of the page before.'),
});

const priceListsAnswer = z.object({
  price_lists: z.array(
    z.object({
      version: z.number().int(),
      current: z.boolean().describe('Whether the process that started last quotes from it.'),
      sha256: z.string(),
      content: priceListSchema,
      created_at: z.iso.datetime(),
      created_by: z.string(),
      effective_from: z.iso.datetime(),
      activated_at: z.array(z.iso.datetime()).describe('Each time it took the place of another list, oldest first.'),
    }),
  ),
  next_before_version: z.number().int().nullable(),
});

/** What was asked for what, and since when. */
@Controller('finance/price-lists')
export class PriceListsController {
  constructor(@Inject(PRICE_LIST_STORE) private readonly store: PriceListStore) {}

  @Get()
  @Staff({
    roles: ['finance', 'auditor'],
    summary: 'Price lists, newest version first, with the times at which each was in force',
    query: priceListsQuery,
    answer: priceListsAnswer,
  })
  async list(@Query() query: unknown): Promise<z.output<typeof priceListsAnswer>> {
    const { limit, before_version: before } = parseOrRefuse(priceListsQuery, query, 'invalid_query');
    const lists = await this.store.list(limit + 1, before ?? null);
    const page = lists.slice(0, limit);
    return {
      price_lists: page.map((list) => ({
        version: list.version,
        current: list.isCurrent,
        sha256: list.sha256,
        content: list.content,
        created_at: list.createdAt,
        created_by: list.createdBy,
        effective_from: list.effectiveFrom,
        activated_at: [...list.activatedAt],
      })),
      next_before_version: lists.length > limit ? (page.at(-1)?.version ?? null) : null,
    };
  }
}
