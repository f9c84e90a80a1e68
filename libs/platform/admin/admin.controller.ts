import { Controller, HttpCode, Post } from '@nestjs/common';
import { z } from 'zod';
import { CurrentStaff, type StaffCaller } from '../access/current-staff.decorator';
import { Staff } from '../routes/access.decorators';
import { DrainControl, type DrainAnswer } from './drain-control';

const drainAnswer = z.object({
  draining: z.boolean(),
  drained_at: z.iso.datetime().nullable().describe('Since when no new sandbox is sold.'),
  drained_by: z.string().nullable().describe('Name of the staff key that drained.'),
});

/** What an operator does to the whole installation. */
@Controller('admin')
export class AdminController {
  constructor(private readonly control: DrainControl) {}

  @Post('drain')
  @HttpCode(200)
  @Staff({ roles: ['operator'], summary: 'Sell no new sandboxes; running ones stay usable', answer: drainAnswer })
  drain(@CurrentStaff() staff: StaffCaller): Promise<DrainAnswer> {
    return this.control.drain(staff);
  }

  @Post('undrain')
  @HttpCode(200)
  @Staff({ roles: ['operator'], summary: 'Sell new sandboxes again', answer: drainAnswer })
  undrain(@CurrentStaff() staff: StaffCaller): Promise<DrainAnswer> {
    return this.control.undrain(staff);
  }
}
