import { Module, type DynamicModule } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
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

/** Settings of the process's logger: JSON lines, secrets masked, every line of a request under its id. */
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
    pinoHttp: {
      logger,
      autoLogging: false, // RequestLog writes the line of a request; it knows the route's pattern
      quietReqLogger: true,
      customAttributeKeys: { reqId: 'requestId' },
      genReqId: (request: IncomingMessage & { id?: unknown }) => (typeof request.id === 'string' ? request.id : randomUUID()),
    },
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
