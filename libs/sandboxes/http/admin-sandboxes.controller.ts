import { Controller, Get, HttpCode, Inject, Optional, Param, Post, Query } from '@nestjs/common';
import { CurrentStaff, type StaffCaller } from '@tollbox/platform/access/current-staff.decorator';
import { AuditLog } from '@tollbox/platform/audit/audit-log';
import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import { parseOrRefuse } from '@tollbox/platform/http/parse-or-refuse';
import { SANDBOX_PAYMENTS, type OperationPayments } from '@tollbox/platform/operations/operation-payments';
import { Staff } from '@tollbox/platform/routes/access.decorators';
import { SANDBOX_QUERIES, type SandboxQueries } from '../application/ports/sandbox-queries';
import { PROVIDER_ERRORS } from '../application/provider-failure';
import { StopSandbox } from '../application/stop-sandbox';
import { toDetailAnswer, toSandboxRecord } from './admin-answers';
import {
  sandboxAnswer,
  sandboxCursor,
  sandboxesAnswer,
  sandboxesQuery,
  terminateAnswer,
  type SandboxDetailAnswer,
  type SandboxRecord,
  type SandboxesAnswer,
} from './admin-schemas';

/** What runs, who owns it, what happened in it; and the switch to stop it. */
@Controller('admin/sandboxes')
export class AdminSandboxesController {
  constructor(
    @Inject(SANDBOX_QUERIES) private readonly queries: SandboxQueries,
    private readonly stopSandbox: StopSandbox,
    private readonly audit: AuditLog,
    @Optional() @Inject(SANDBOX_PAYMENTS) private readonly payments?: OperationPayments,
  ) {}

  @Get()
  @Staff({
    roles: ['operator', 'auditor'],
    summary: 'Sandboxes by owner, state, provider, reason and time, newest first',
    query: sandboxesQuery,
    answer: sandboxesAnswer,
  })
  async list(@Query() query: unknown): Promise<SandboxesAnswer> {
    const { limit, cursor, created_from, created_to, ...filter } = parseOrRefuse(sandboxesQuery, query, 'invalid_query');
    const after = cursor === undefined ? undefined : { createdAt: new Date(cursor[0]), id: cursor[1] };
    const page = await this.queries.page({ ...filter, createdFrom: created_from, createdTo: created_to }, after, limit);
    const last = page.sandboxes.at(-1);
    return {
      sandboxes: page.sandboxes.map(toSandboxRecord),
      next_cursor: page.hasMore && last !== undefined ? sandboxCursor.encode([last.createdAt.toISOString(), last.id]) : null,
    };
  }

  @Get(':id')
  @Staff({
    roles: ['operator', 'auditor'],
    summary: 'One sandbox with its events, executions, operations and payments',
    answer: sandboxAnswer,
  })
  async show(@Param('id') id: string): Promise<SandboxDetailAnswer> {
    const history = await this.queries.history(id);
    if (history === null) throw new TollboxError('not_found', { message: 'There is no sandbox with this id.' });
    const operationIds = history.operations.map(({ operationId }) => operationId);
    return toDetailAnswer(history, (await this.payments?.ofOperations(operationIds)) ?? []);
  }

  @Post(':id/terminate')
  @HttpCode(200)
  @Staff({
    roles: ['operator'],
    summary: 'End a sandbox, whoever owns it',
    answer: terminateAnswer,
    errors: PROVIDER_ERRORS,
  })
  async terminate(@Param('id') id: string, @CurrentStaff() staff: StaffCaller): Promise<{ sandbox: SandboxRecord }> {
    const sandbox = await this.stopSandbox.execute(id, staff.keyId, (outcome, detail) => this.record(id, staff, outcome, detail));
    return { sandbox: toSandboxRecord(sandbox) };
  }

  private async record(
    id: string,
    staff: StaffCaller,
    outcome: 'ok' | 'failed',
    detail: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    const { keyId, name, role, requestId, ip } = staff;
    await this.audit.record({
      actorKind: 'staff',
      actor: keyId,
      action: 'sandbox.terminate',
      subjectKind: 'sandbox',
      subject: id.replaceAll('\0', '\u{FFFD}'),
      outcome,
      detail: { name, role, ...detail },
      requestId,
      ip,
    });
  }
}
