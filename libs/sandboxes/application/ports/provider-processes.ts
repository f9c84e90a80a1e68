import type { ExecOptions, ProcessSignal, PtySize } from './process';
import type { ProviderHandle } from './provider-handle';

export interface ProcessStatus {
  readonly processId: string;
  /** Null while it runs. */
  readonly returncode: number | null;
  readonly timedOut: boolean;
  /** Bytes that the process has written so far. */
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
}

/** A piece of a process's output, or its end. `offsetBytes` is the position of the first byte within its own stream. */
export type OutputEvent =
  | { readonly kind: 'stdout' | 'stderr'; readonly offsetBytes: number; readonly bytes: Uint8Array }
  | { readonly kind: 'exit'; readonly returncode: number; readonly timedOut: boolean };

export interface OutputPosition {
  readonly stdoutOffsetBytes: number;
  readonly stderrOffsetBytes: number;
}

/**
 * Processes that live on when nobody reads them, found again by id from any gateway. The sandbox keeps their output within
 * its limits; what is no longer kept is skipped, and the offsets show it. Rejects `not_found` for an unknown process.
 */
export interface ProviderProcesses {
  /** Starts the process under an id of the caller's choice. Rejects `invalid` when the id is taken. */
  start(
    handle: ProviderHandle,
    processId: string,
    argv: readonly string[],
    options: Omit<ExecOptions, 'stdin'> & { readonly keepStdinOpen: boolean },
    signal: AbortSignal,
  ): Promise<void>;
  status(handle: ProviderHandle, processId: string, signal: AbortSignal): Promise<ProcessStatus>;
  /** The output from a position on, as it comes, up to the exit. Ends early when the signal is aborted. */
  follow(handle: ProviderHandle, processId: string, from: OutputPosition, signal: AbortSignal): AsyncIterable<OutputEvent>;
  writeStdin(
    handle: ProviderHandle,
    processId: string,
    bytes: Uint8Array,
    options: { readonly close: boolean },
    signal: AbortSignal,
  ): Promise<void>;
  signal(handle: ProviderHandle, processId: string, signalName: ProcessSignal, signal: AbortSignal): Promise<void>;
  resize(handle: ProviderHandle, processId: string, size: PtySize, signal: AbortSignal): Promise<void>;
}
