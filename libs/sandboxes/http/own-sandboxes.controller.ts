import { Controller, Get, Param, Query, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { CurrentOwner } from '@tollbox/platform/access/current-owner.decorator';
import { cursorInstant, cursorOf } from '@tollbox/platform/http/cursor';
import { parseOrRefuse } from '@tollbox/platform/http/parse-or-refuse';
import { limitParameter, textParameter } from '@tollbox/platform/http/query-parameters';
import type { Wallet } from '@tollbox/platform/operations/operation';
import { Owner } from '@tollbox/platform/routes/access.decorators';
import { ShowOwnSandboxes } from '../application/show-own-sandboxes';
import { RESOURCE_STATES, sandboxResource, type SandboxResource } from '../domain/resource-answers';
import { isSandboxId } from '../domain/sandbox-id';

const cursor = cursorOf(z.tuple([cursorInstant, z.string().refine(isSandboxId)]));
const MAX_TAG_LENGTH = 321;
const MAX_WAIT_S = 60;
const DEFAULT_WAIT_S = 30;

/** Unknown parameters are refused: a misspelt filter must not look like a full list. */
const listQuery = z.strictObject({
  app_id: textParameter(128, 'Taken and not looked at: a wallet has one list.'),
  tag: textParameter(MAX_TAG_LENGTH, 'A tag that the sandbox has: `name`, or `name=value`.'),
  state: z.enum(RESOURCE_STATES).optional(),
  name: textParameter(64, 'Name of the sandbox.'),
  limit: limitParameter('Sandboxes', 100, 50),
  cursor: cursor.parameter,
});
const listAnswer = z.object({ data: z.array(sandboxResource), next_cursor: z.string().nullable() });

const waitSeconds = `a whole number from 0 to ${MAX_WAIT_S}`;
const waitQuery = z.strictObject({
  timeout: z
    .string({ error: `given once, as ${waitSeconds}` })
    .regex(/^[0-9]{1,4}$/, waitSeconds)
    .transform(Number)
    .pipe(z.number().max(MAX_WAIT_S, waitSeconds))
    .default(DEFAULT_WAIT_S)
    .describe('Seconds to wait at most.'),
});

function tagOf(text: string | undefined): { name: string; value: string | null } | undefined {
  if (text === undefined) return undefined;
  const at = text.indexOf('=');
  return at === -1 ? { name: text, value: null } : { name: text.slice(0, at), value: text.slice(at + 1) };
}

/** What a wallet sees of its sandboxes. */
@Controller('v1/sandboxes')
export class OwnSandboxesController {
  constructor(private readonly sandboxes: ShowOwnSandboxes) {}

  @Get()
  @Owner({ summary: 'Your sandboxes by tag, state and name, newest first', query: listQuery, answer: listAnswer })
  async list(@Query() query: unknown, @CurrentOwner() owner: Wallet): Promise<z.output<typeof listAnswer>> {
    const { limit, cursor: place, tag, state, name } = parseOrRefuse(listQuery, query, 'invalid_query');
    const after = place === undefined ? undefined : { createdAt: new Date(place[0]), id: place[1] };
    const { data, next } = await this.sandboxes.list(owner, { state, name, tag: tagOf(tag) }, after, limit);
    return { data: [...data], next_cursor: next === null ? null : cursor.encode([next.createdAt.toISOString(), next.id]) };
  }

  @Get(':sandbox_id')
  @Owner({ summary: 'One of your sandboxes', answer: sandboxResource, errors: ['sandbox_not_found'] })
  show(@Param('sandbox_id') sandboxId: string, @CurrentOwner() owner: Wallet): Promise<SandboxResource> {
    return this.sandboxes.show(owner, sandboxId);
  }

  @Get(':sandbox_id/wait')
  @Owner({
    summary: 'Waits until one of your sandboxes has ended, or for `timeout` seconds, and shows it',
    query: waitQuery,
    answer: sandboxResource,
    errors: ['sandbox_not_found', 'too_many_waits'],
  })
  async wait(
    @Param('sandbox_id') sandboxId: string,
    @Query() query: unknown,
    @CurrentOwner() owner: Wallet,
    @Req() request: FastifyRequest,
  ): Promise<SandboxResource> {
    const { timeout } = parseOrRefuse(waitQuery, query, 'invalid_query');
    const gone = new AbortController();
    const leave = () => gone.abort();
    request.raw.socket.once('close', leave);
    try {
      return await this.sandboxes.wait(owner, sandboxId, timeout * 1_000, gone.signal);
    } finally {
      request.raw.socket.off('close', leave);
    }
  }
}
