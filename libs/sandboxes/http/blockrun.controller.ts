import { Controller, HttpCode, Post } from '@nestjs/common';
import { Priced } from '@tollbox/platform/routes/access.decorators';
import { Paid, type PaidCall } from '@tollbox/platform/routes/paid-call.decorator';
import { CreateSandbox } from '../application/create-sandbox';
import { ExecCommand } from '../application/exec-command';
import { SandboxStatus } from '../application/sandbox-status';
import { TerminateSandbox } from '../application/terminate-sandbox';
import type { CreateAnswer, ExecAnswer, StatusAnswer, TerminateAnswer } from '../domain/answers';
import { orderOf, type CreateBody, type ExecBody, type StatusBody, type TerminateBody } from '../domain/bodies';

/** The BlockRun-compatible routes: same paths, keys and types. */
@Controller('api/v1/modal/sandbox')
export class BlockRunController {
  constructor(
    private readonly createSandbox: CreateSandbox,
    private readonly execCommand: ExecCommand,
    private readonly sandboxStatus: SandboxStatus,
    private readonly terminateSandbox: TerminateSandbox,
  ) {}

  @Post('create')
  @HttpCode(200)
  @Priced({ operation: 'sandbox.create', summary: 'Create a sandbox. The paying wallet owns it.' })
  create(@Paid() { owner, operationId, body }: PaidCall<CreateBody>): Promise<CreateAnswer> {
    return this.createSandbox.execute({ owner, operationId, order: orderOf(body) });
  }

  @Post('exec')
  @HttpCode(200)
  @Priced({ operation: 'sandbox.exec', summary: 'Run a command in a sandbox and get its output and exit code.' })
  exec(@Paid() { owner, operationId, body }: PaidCall<ExecBody>): Promise<ExecAnswer> {
    const { sandbox_id: sandboxId, command, timeout } = body;
    return this.execCommand.execute({ owner, operationId, sandboxId, argv: command, timeoutMs: timeout * 1_000 });
  }

  @Post('status')
  @HttpCode(200)
  @Priced({ operation: 'sandbox.status', summary: 'Say whether a sandbox runs.' })
  status(@Paid() { owner, operationId, body }: PaidCall<StatusBody>): Promise<StatusAnswer> {
    return this.sandboxStatus.execute({ owner, operationId, sandboxId: body.sandbox_id });
  }

  @Post('terminate')
  @HttpCode(200)
  @Priced({ operation: 'sandbox.terminate', summary: 'End a sandbox. One that has ended stays ended.' })
  terminate(@Paid() { owner, operationId, body }: PaidCall<TerminateBody>): Promise<TerminateAnswer> {
    return this.terminateSandbox.execute({ owner, operationId, sandboxId: body.sandbox_id });
  }
}
