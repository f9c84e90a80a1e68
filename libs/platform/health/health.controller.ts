import { Controller, Get, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Free } from '../routes/access.decorators';
import { ReadinessCheck, type Readiness } from './readiness';

const readinessAnswer = z.object({
  status: z.enum(['ready', 'not_ready']),
  draining: z.boolean().nullable().describe('True while no new sandbox is sold.'),
  checks: z.record(z.string(), z.looseObject({ status: z.enum(['ok', 'failed']) })).describe('database, chain, provider'),
});

@Controller('health')
export class HealthController {
  constructor(private readonly readiness: ReadinessCheck) {}

  @Get('live')
  @Free({ summary: 'The process answers', answer: z.object({ status: z.literal('live') }) })
  live(): { status: 'live' } {
    return { status: 'live' };
  }

  @Get(['', 'ready'])
  @Free({
    summary: 'Everything the process depends on answers; 503 when a dependency does not',
    answer: readinessAnswer,
    otherStatus: 503,
  })
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<Readiness> {
    const readiness = await this.readiness.check();
    void reply.status(readiness.status === 'ready' ? 200 : 503);
    return readiness;
  }
}
