import { Module, type DynamicModule } from '@nestjs/common';
import { LoggerModule, type Params } from 'nestjs-pino';
import pino, { type DestinationStream } from 'pino';
import { CONFIG, type Config } from '../config/config';
import { PROCESS_NAME } from '../config/process-name';
import { maskSecrets } from './secrets';

/** Keys whose values never reach a log, wherever an object with them is logged. */
const REDACTED = [
  'authorization',
  'privateKey',
  'signature',
  'payment-signature',
  'x-payment',
  'token',
  'rawTransaction',
].flatMap((key) => [`["${key}"]`, `*["${key}"]`, `*.headers["${key}"]`, `headers["${key}"]`]);

/** Settings of the process's logger: JSON lines, secrets masked. */
export function loggerParams(config: Config, processName: string, destination?: DestinationStream): Params {
  const mask = maskSecrets(config);
  const logger = pino(
    {
      level: config.LOG_LEVEL,
      base: { process: processName, pid: process.pid },
      redact: { paths: REDACTED, censor: '[redacted]' },
      hooks: { streamWrite: mask },
      serializers: { err: pino.stdSerializers.errWithCause },
    },
    destination ?? pino.destination({ dest: 1, sync: false }),
  );
  return {
    // RequestLog writes the line of a request and lines about one name it by `requestId`. A logger for each request, and the
    // asynchronous context that would carry it, cost more than most requests.
    pinoHttp: { logger, autoLogging: false },
    forRoutes: [],
  };
}

/** The logger of the process. `app.useLogger(app.get(Logger))` (of nestjs-pino) sends Nest's own lines through it. */
@Module({})
export class TelemetryModule {
  static forRoot(destination?: DestinationStream): DynamicModule {
    return {
      module: TelemetryModule,
      imports: [
        LoggerModule.forRootAsync({
          inject: [CONFIG, PROCESS_NAME],
          useFactory: (config: Config, processName: string) => loggerParams(config, processName, destination),
        }),
      ],
    };
  }
}
