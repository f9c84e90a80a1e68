import { Controller, HttpCode, Module, Post, type FactoryProvider } from '@nestjs/common';
import { z } from 'zod';
import { OperationRegistry, type Operation, type OperationOutcome } from '@tollbox/platform/operations/operation';
import { Free, Priced } from '@tollbox/platform/routes/access.decorators';

const answer = { ok: true };
const body = z.looseObject({});

/**
 * An operation that does nothing. It bears the name of a $0.001 call, so that price and settlement policy are those of
 * the product; the module of the sandboxes, which has the real one, is not part of these processes.
 */
const noop: Operation = {
  name: 'sandbox.status',
  mayAnswerEarly: true,
  body,
  answer: z.object({ ok: z.literal(true) }),
  deadlineMs: () => 5_000,
  admit: () => Promise.resolve(),
  outcomeOf: (): Promise<OperationOutcome> => Promise.resolve({ kind: 'not_started' }),
  revoke: () => Promise.resolve(),
};

@Controller('bench')
class NoopController {
  @Post('noop')
  @HttpCode(200)
  @Priced({ operation: noop.name, summary: 'Do nothing, for the price of a small call.' })
  paid(): typeof answer {
    return answer;
  }

  @Post('free')
  @HttpCode(200)
  @Free({ summary: 'Do nothing, for nothing: the time of the handler itself.' })
  free(): typeof answer {
    return answer;
  }
}

const operations: FactoryProvider = { provide: OperationRegistry, useFactory: () => new OperationRegistry([noop]) };

/** Takes the place of SandboxesModule: the operations of the process. */
@Module({ providers: [operations], exports: [operations] })
export class NoopOperationsModule {}

@Module({ controllers: [NoopController] })
export class NoopRoutesModule {}
