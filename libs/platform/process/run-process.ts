import type { INestApplicationContext } from '@nestjs/common';
import { ConfigurationError, loadConfig, type Config } from '../config/config';

/** What a process tells its parent over IPC once it serves. */
export interface ReadyMessage {
  readonly type: 'ready';
  /** Where it answers; absent for a process without a server. */
  readonly url?: string;
}

export interface StartedProcess {
  readonly app: INestApplicationContext;
  readonly url?: string;
}

const EXIT_MISCONFIGURED = 78; // EX_CONFIG of sysexits.h
const SHUTDOWN_SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/**
 * Runs a process of Tollbox from configuration to shutdown. It ends in order on SIGTERM and SIGINT, and when the parent
 * that started it over IPC is gone, so that a killed supervisor leaves nothing behind. A shutdown that hangs is cut off.
 */
export async function runProcess(start: (config: Config) => Promise<StartedProcess>): Promise<void> {
  const config = configOrExit();
  try {
    const started = await start(config);
    const { app, url } = started;
    endInOrder(app, config.SHUTDOWN_GRACE_MS);
    const message: ReadyMessage = { type: 'ready', ...(url === undefined ? {} : { url }) };
    process.send?.(message);
  } catch (error) {
    if (error instanceof ConfigurationError) exitMisconfigured(error);
    throw error;
  }
}

function endInOrder(app: INestApplicationContext, graceMs: number): void {
  let ending = false;
  const end = (): void => {
    if (ending) return;
    ending = true;
    const cutOff = setTimeout(() => process.exit(1), graceMs);
    cutOff.unref();
    app.close().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`shutdown failed: ${String(error)}\n`);
        process.exit(1);
      },
    );
  };
  for (const signal of SHUTDOWN_SIGNALS) process.on(signal, end);
  process.on('disconnect', end);
}

function configOrExit(): Config {
  try {
    return loadConfig(process.env);
  } catch (error) {
    if (error instanceof ConfigurationError) exitMisconfigured(error);
    throw error;
  }
}

function exitMisconfigured(error: ConfigurationError): never {
  process.stderr.write(`${error.message}\n`);
  process.exit(EXIT_MISCONFIGURED);
}
