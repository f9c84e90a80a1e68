import 'reflect-metadata';
import { Module, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Logger } from 'nestjs-pino';
import { CreditsModule } from '@tollbox/credits/credits.module';
import { LedgerWorkerModule } from '@tollbox/ledger/ledger.module';
import { PaymentsModule } from '@tollbox/payments/payments.module';
import type { Config } from '@tollbox/platform/config/config';
import { PlatformModule } from '@tollbox/platform/platform.module';
import { runProcess, type StartedProcess } from '@tollbox/platform/process/run-process';
import { TelemetryModule } from '@tollbox/platform/telemetry/telemetry.module';
import { NoopOperationsModule } from './noop';
import { profileWhenAsked } from './profile';

/** The modules of apps/worker that settle calls and keep their books. */
@Module({})
class BenchWorkerModule {
  static forRoot(config: Config): DynamicModule {
    return {
      module: BenchWorkerModule,
      imports: [
        PlatformModule.forRoot(config, 'worker'),
        TelemetryModule.forRoot(),
        NoopOperationsModule,
        CreditsModule.forWorker(NoopOperationsModule),
        PaymentsModule.forWorker(NoopOperationsModule),
        LedgerWorkerModule,
      ],
    };
  }
}

async function startWorker(config: Config): Promise<StartedProcess> {
  const app = await NestFactory.createApplicationContext(BenchWorkerModule.forRoot(config), {
    bufferLogs: true,
    abortOnError: false,
  });
  app.useLogger(app.get(Logger));
  return { app };
}

profileWhenAsked('worker');
void runProcess(startWorker);
