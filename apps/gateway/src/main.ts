import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Logger } from 'nestjs-pino';
import type { AddressInfo } from 'node:net';
import type { Config } from '@tollbox/platform/config/config';
import { createFastifyAdapter } from '@tollbox/platform/http/fastify-adapter';
import { runProcess, type StartedProcess } from '@tollbox/platform/process/run-process';
import { GatewayModule } from './app.module';

export async function startGateway(
  config: Config,
): Promise<StartedProcess & { readonly app: NestFastifyApplication; readonly url: string }> {
  const app = await NestFactory.create<NestFastifyApplication>(GatewayModule.forRoot(config), createFastifyAdapter(config), {
    bufferLogs: true,
    abortOnError: false,
    bodyParser: false,
  });
  app.useLogger(app.get(Logger));
  await app.listen(config.PORT, config.HOST);
  const { port } = app.getHttpServer().address() as AddressInfo;
  return { app, url: `http://${config.HOST.includes(':') ? `[${config.HOST}]` : config.HOST}:${port}` };
}

if (require.main === module) void runProcess(startGateway);
