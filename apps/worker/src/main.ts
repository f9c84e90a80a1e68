import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { Logger } from 'nestjs-pino';
import type { Config } from '@tollbox/platform/config/config';
import { runProcess, type StartedProcess } from '@tollbox/platform/process/run-process';
import { WorkerModule } from './worker.module';

export async function startWorker(config: Config): Promise<StartedProcess> {
  const app = await NestFactory.createApplicationContext(WorkerModule.forRoot(config), { bufferLogs: true, abortOnError: false });
  app.useLogger(app.get(Logger));
  return { app };
}

if (require.main === module) void runProcess(startWorker);
