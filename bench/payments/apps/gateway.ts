import 'reflect-metadata';
import { Module, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Logger } from 'nestjs-pino';
import type { AddressInfo } from 'node:net';
import { CreditsModule } from '@tollbox/credits/credits.module';
import { PaymentsModule } from '@tollbox/payments/payments.module';
import { AccessModule } from '@tollbox/platform/access/access.module';
import type { Config } from '@tollbox/platform/config/config';
import { createFastifyAdapter } from '@tollbox/platform/http/fastify-adapter';
import { HttpModule } from '@tollbox/platform/http/http.module';
import { PlatformModule } from '@tollbox/platform/platform.module';
import { runProcess, type StartedProcess } from '@tollbox/platform/process/run-process';
import { TelemetryModule } from '@tollbox/platform/telemetry/telemetry.module';
import { NoopOperationsModule, NoopRoutesModule } from './noop';
import { profileWhenAsked } from './profile';

/** The modules that a paid call passes in apps/gateway, with an operation that does nothing. */
@Module({})
class BenchGatewayModule {
  static forRoot(config: Config): DynamicModule {
    return {
      module: BenchGatewayModule,
      imports: [
        PlatformModule.forRoot(config, 'gateway'),
        TelemetryModule.forRoot(),
        HttpModule,
        AccessModule,
        CreditsModule.forGateway(NoopOperationsModule),
        PaymentsModule.forGateway(NoopOperationsModule),
        NoopRoutesModule,
      ],
    };
  }
}

async function startGateway(config: Config): Promise<StartedProcess> {
  const app = await NestFactory.create<NestFastifyApplication>(BenchGatewayModule.forRoot(config), createFastifyAdapter(config), {
    bufferLogs: true,
    abortOnError: false,
    bodyParser: false,
  });
  app.useLogger(app.get(Logger));
  await app.listen(config.PORT, config.HOST);
  const { port } = app.getHttpServer().address() as AddressInfo;
  return { app, url: `http://${config.HOST}:${port}` };
}

profileWhenAsked('gateway');
void runProcess(startGateway);
