import { Controller, HttpCode, Post } from '@nestjs/common';
import { Priced } from '@tollbox/platform/routes/access.decorators';
import { Paid, type PaidCall } from '@tollbox/platform/routes/paid-call.decorator';
import { RunCode } from '../application/run-code';
import type { RunAnswer, RunBody } from '../domain/run';

/** One payment, one program. */
@Controller('v1/run')
export class RunController {
  constructor(private readonly runCode: RunCode) {}

  @Post()
  @HttpCode(200)
  @Priced({
    operation: 'sandbox.run',
    summary: 'Run code or a command in a sandbox of its own, with files in and out. The sandbox ends with the answer.',
  })
  run(@Paid() call: PaidCall<RunBody>): Promise<RunAnswer> {
    return this.runCode.execute(call);
  }
}
