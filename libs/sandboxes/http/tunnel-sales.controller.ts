import { Controller, HttpCode, Post } from '@nestjs/common';
import { Priced } from '@tollbox/platform/routes/access.decorators';
import { Paid, type PaidCall } from '@tollbox/platform/routes/paid-call.decorator';
import { OpenTunnels } from '../application/tunnels/open-tunnel';
import type { TunnelAnswer, TunnelBody } from '../domain/tunnel';

/** Opens tunnels to ports of a sandbox, against payment. */
@Controller('v1/sandboxes/:sandbox_id/tunnels')
export class TunnelSalesController {
  constructor(private readonly tunnels: OpenTunnels) {}

  @Post()
  @HttpCode(200)
  @Priced({ operation: 'sandbox.tunnel', summary: 'Open a tunnel to a port of a sandbox, for whoever has its token' })
  open(@Paid() { owner, operationId, body }: PaidCall<TunnelBody>): Promise<TunnelAnswer> {
    const { sandbox_id: sandboxId, port: containerPort, token_sha256: tokenSha256 = null } = body;
    return this.tunnels.execute({ owner, operationId, sandboxId, containerPort, tokenSha256 });
  }
}
