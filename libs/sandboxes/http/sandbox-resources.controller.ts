import { Controller, Delete, HttpCode, Inject, Patch, Post } from '@nestjs/common';
import { CLOCK, type Clock } from '@tollbox/platform/clock/clock';
import { Priced } from '@tollbox/platform/routes/access.decorators';
import { Paid, type PaidCall } from '@tollbox/platform/routes/paid-call.decorator';
import { ChangeTags } from '../application/change-tags';
import { CreateSandbox } from '../application/create-sandbox';
import { ExecCommand } from '../application/exec-command';
import { TerminateSandbox } from '../application/terminate-sandbox';
import { createdResource, processOf, resourceOf, type ProcessResource, type SandboxResource } from '../domain/resource-answers';
import {
  resourceOrderOf,
  type DeleteBody,
  type ResourceCreateBody,
  type ResourceExecBody,
  type TagsBody,
} from '../domain/resource-bodies';

/** The paid calls of the Modal Sandboxes surface. */
@Controller('v1/sandboxes')
export class SandboxResourcesController {
  constructor(
    private readonly createSandbox: CreateSandbox,
    private readonly execCommand: ExecCommand,
    private readonly terminateSandbox: TerminateSandbox,
    private readonly changeTags: ChangeTags,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @Post()
  @HttpCode(201)
  @Priced({ operation: 'sandboxes.create', summary: 'Create a sandbox. The paying wallet owns it.' })
  async create(@Paid() { owner, operationId, body }: PaidCall<ResourceCreateBody>): Promise<SandboxResource> {
    const operation = 'sandboxes.create';
    return createdResource(await this.createSandbox.create({ owner, operationId, operation, order: resourceOrderOf(body) }));
  }

  @Delete(':sandbox_id')
  @HttpCode(204)
  @Priced({ operation: 'sandboxes.delete', summary: 'End a sandbox. One that has ended stays ended.' })
  async delete(@Paid() { owner, operationId, body }: PaidCall<DeleteBody>): Promise<void> {
    await this.terminateSandbox.execute({ owner, operationId, operation: 'sandboxes.delete', sandboxId: body.sandbox_id });
  }

  @Post(':sandbox_id/exec')
  @HttpCode(200)
  @Priced({ operation: 'sandboxes.exec', summary: 'Run a command in a sandbox and get its output and exit code.' })
  async exec(@Paid() { owner, operationId, body }: PaidCall<ResourceExecBody>): Promise<ProcessResource> {
    const { sandbox_id: sandboxId, command, timeout, workdir, stdin, env } = body;
    const result = await this.execCommand.run({
      ...{ owner, operationId, operation: 'sandboxes.exec', sandboxId, argv: command, timeoutMs: timeout * 1_000 },
      ...(Object.keys(env).length === 0 ? {} : { env }),
      ...(workdir === undefined ? {} : { workdir }),
      ...(stdin === undefined ? {} : { stdin: Buffer.from(stdin, 'base64') }),
    });
    return processOf(operationId, sandboxId, result);
  }

  @Patch(':sandbox_id/tags')
  @HttpCode(200)
  @Priced({ operation: 'sandboxes.tags', summary: 'Set and remove tags of a sandbox.' })
  async tags(@Paid() { owner, operationId, body }: PaidCall<TagsBody>): Promise<SandboxResource> {
    const { sandbox_id: sandboxId, tags } = body;
    return resourceOf(await this.changeTags.execute({ owner, operationId, sandboxId, tags }), this.clock.nowMs());
  }
}
