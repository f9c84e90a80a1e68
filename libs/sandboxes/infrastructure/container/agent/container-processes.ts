import { setTimeout as delay } from 'node:timers/promises';
import {
  type ExecOptions,
  type ProcessSignal,
  ProviderError,
  type ProviderHandle,
  type PtySize,
} from '../../../application/ports/provider';
import type {
  OutputEvent,
  OutputPosition,
  ProcessStatus,
  ProviderProcesses,
} from '../../../application/ports/provider-processes';
import { checkCommand } from '../container-process';
import { checkDeadline, pause, withinDeadline } from '../deadline';
import { AgentRefusal, type AgentChannel } from './channel';
import { REQUEST } from './frames';
import { execPayload, namePayload, readStatus, resizePayload, signalPayload, writePayload } from './messages';
import { followOutput } from './output-follower';

const MAX_NAME_BYTES = 64;
const WRITE_BYTES = 32 * 1024;
const FULL_RETRY_MS = { first: 10, most: 200 } as const;
const ANSWER_LIMIT_MS = 10_000;
/** The connection can end a moment before the engine says that the sandbox has. */
const SANDBOX_END_POLLS_MS: readonly number[] = [0, 40, 120];

export interface ChannelSource {
  /** @throws ProviderError `gone` when the sandbox has ended, `unavailable` when its agent is gone */
  channelTo(handle: ProviderHandle): Promise<AgentChannel>;
  isRunning(handle: ProviderHandle, signal: AbortSignal): Promise<boolean>;
}

/** Background processes, which the agent of their sandbox holds. */
export class ContainerProcesses implements ProviderProcesses {
  constructor(private readonly source: ChannelSource) {}

  async start(
    handle: ProviderHandle,
    processId: string,
    argv: readonly string[],
    options: Omit<ExecOptions, 'stdin'> & { readonly keepStdinOpen: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    checkCommand(argv, options);
    const payload = execPayload({
      name: checkedName(processId),
      argv,
      timeoutMs: options.timeoutMs,
      env: options.env ?? {},
      workdir: options.workdir ?? '',
      withStdin: options.keepStdinOpen,
      pty: options.pty ?? null,
    });
    await this.ask(handle, REQUEST.start, payload, signal);
  }

  async status(handle: ProviderHandle, processId: string, signal: AbortSignal): Promise<ProcessStatus> {
    const answer = await this.ask(handle, REQUEST.status, namePayload(checkedName(processId)), signal);
    const { isRunning, returncode, timedOut, stdoutBytes, stderrBytes } = readStatus(answer);
    return { processId, returncode: isRunning ? null : returncode, timedOut, stdoutBytes, stderrBytes };
  }

  async *follow(
    handle: ProviderHandle,
    processId: string,
    from: OutputPosition,
    signal: AbortSignal,
  ): AsyncGenerator<OutputEvent, void, undefined> {
    checkDeadline(signal, 'follow');
    const name = checkedName(processId);
    const channel = await withinDeadline(this.source.channelTo(handle), signal, 'follow');
    try {
      yield* followOutput(channel, name, from, signal);
    } catch (error) {
      throw await this.explained(handle, error);
    }
  }

  async writeStdin(
    handle: ProviderHandle,
    processId: string,
    bytes: Uint8Array,
    options: { readonly close: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    const name = checkedName(processId);
    let offset = 0;
    do {
      const piece = bytes.subarray(offset, offset + WRITE_BYTES);
      offset += piece.length;
      const isLast = offset >= bytes.length;
      await this.writePiece(handle, writePayload(name, options.close && isLast, piece), signal);
    } while (offset < bytes.length);
  }

  async signal(handle: ProviderHandle, processId: string, signalName: ProcessSignal, signal: AbortSignal): Promise<void> {
    await this.ask(handle, REQUEST.signal, signalPayload(signalName, checkedName(processId)), signal);
  }

  async resize(handle: ProviderHandle, processId: string, size: PtySize, signal: AbortSignal): Promise<void> {
    await this.ask(handle, REQUEST.resize, resizePayload(size, checkedName(processId)), signal);
  }

  /** Waits while the process does not read what it has. */
  private async writePiece(handle: ProviderHandle, payload: Buffer, signal: AbortSignal): Promise<void> {
    for (let waitMs: number = FULL_RETRY_MS.first; ; waitMs = Math.min(waitMs * 2, FULL_RETRY_MS.most)) {
      try {
        await this.ask(handle, REQUEST.write, payload, signal);
        return;
      } catch (error) {
        if (!(error instanceof ProviderError && error.kind === 'rate_limited')) throw error;
        await pause(waitMs, signal);
        checkDeadline(signal, 'write to a process');
      }
    }
  }

  private async ask(handle: ProviderHandle, type: number, payload: Buffer, signal: AbortSignal): Promise<Buffer> {
    checkDeadline(signal, 'process');
    const channel = await withinDeadline(this.source.channelTo(handle), signal, 'process');
    try {
      return await withinDeadline(answered(channel, channel.ask(type, payload)), signal, 'process');
    } catch (error) {
      throw await this.explained(handle, error);
    }
  }

  /** What the agent or its connection said, in the port's words. */
  private async explained(handle: ProviderHandle, error: unknown): Promise<unknown> {
    if (error instanceof ProviderError) return error;
    if (error instanceof AgentRefusal) return refusalError(error);
    for (const waitMs of SANDBOX_END_POLLS_MS) {
      await delay(waitMs);
      if (!(await this.source.isRunning(handle, AbortSignal.timeout(ANSWER_LIMIT_MS))))
        return new ProviderError('gone', 'the sandbox has ended', { cause: error });
    }
    return new ProviderError('internal', 'the connection to the agent of the sandbox broke', { cause: error });
  }
}

function refusalError(refusal: AgentRefusal): ProviderError {
  const kind = refusal.reason === 'not_found' ? 'not_found' : refusal.reason === 'busy' ? 'rate_limited' : 'invalid';
  return new ProviderError(kind, refusal.message, { cause: refusal });
}

function checkedName(processId: string): string {
  if (processId === '' || processId.includes('\0') || Buffer.byteLength(processId) > MAX_NAME_BYTES)
    throw new ProviderError('invalid', `the id of a process has 1 to ${MAX_NAME_BYTES} bytes`);
  return processId;
}

/** An agent that does not answer is no longer asked. */
async function answered(channel: AgentChannel, answer: Promise<Buffer>): Promise<Buffer> {
  const limit = new AbortController();
  const silence = delay(ANSWER_LIMIT_MS, null, { signal: limit.signal }).then(
    () => channel.close(new Error('the agent did not answer')),
    () => undefined, // it answered
  );
  try {
    return await answer;
  } finally {
    limit.abort();
    await silence;
  }
}
