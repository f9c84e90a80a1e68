import { Controller, Get, Param } from '@nestjs/common';
import { CurrentOwner } from '@tollbox/platform/access/current-owner.decorator';
import type { Wallet } from '@tollbox/platform/operations/operation';
import { Owner } from '@tollbox/platform/routes/access.decorators';
import { ListTunnels } from '../application/tunnels/list-tunnels';
import { tunnelsAnswerSchema, type TunnelsAnswer } from '../domain/tunnel';

/** The tunnels of a wallet's sandboxes. */
@Controller('v1/sandboxes/:sandbox_id/tunnels')
export class TunnelsController {
  constructor(private readonly tunnels: ListTunnels) {}

  @Get()
  @Owner({
    summary: 'The tunnels of one of your sandboxes, by port inside it',
    answer: tunnelsAnswerSchema,
    errors: ['sandbox_not_found'],
  })
  list(@Param('sandbox_id') sandboxId: string, @CurrentOwner() owner: Wallet): Promise<TunnelsAnswer> {
    return this.tunnels.execute(owner, sandboxId);
  }
}
