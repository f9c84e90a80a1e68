import { Controller, HttpCode, Post } from '@nestjs/common';
import { Priced } from '@tollbox/platform/routes/access.decorators';
import { Paid, type PaidCall } from '@tollbox/platform/routes/paid-call.decorator';
import { RunCell } from '../application/interpreter/run-cell';
import type { CellAnswer, CellBody } from '../domain/interpreter';

/** A Python interpreter that keeps its variables from call to call. */
@Controller('v1/sandboxes/:sandbox_id/interpreter')
export class InterpreterController {
  constructor(private readonly runCell: RunCell) {}

  @Post()
  @HttpCode(200)
  @Priced({
    operation: 'sandboxes.cell',
    summary: 'Run a cell of Python that shares the variables of its context; results as a notebook shows them',
  })
  run(@Paid() call: PaidCall<CellBody>): Promise<CellAnswer> {
    return this.runCell.execute(call);
  }
}
