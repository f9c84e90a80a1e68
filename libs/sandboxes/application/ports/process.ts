export interface PtySize {
  readonly rows: number;
  readonly columns: number;
}

export interface ExecOptions {
  /** The process group is killed after this time (above 0), and `exit` resolves with returncode 137 and `timedOut: true`. */
  readonly timeoutMs: number;
  /** Added to the sandbox's own variables. */
  readonly env?: Readonly<Record<string, string>>;
  /** Absolute path; the image's own working directory when absent. */
  readonly workdir?: string;
  /** Bytes for the standard input, which is closed after them; closed at once when absent. */
  readonly stdin?: AsyncIterable<Uint8Array>;
  /** Run on a terminal of this size; stderr then comes merged into stdout. */
  readonly pty?: PtySize;
}

/** Signals that may be sent to a process. */
export const PROCESS_SIGNALS = [
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGKILL',
  'SIGUSR1',
  'SIGUSR2',
  'SIGTERM',
  'SIGCONT',
  'SIGSTOP',
] as const;
export type ProcessSignal = (typeof PROCESS_SIGNALS)[number];

export interface ProcessExit {
  readonly returncode: number;
  readonly timedOut: boolean;
}

export interface ProviderProcess {
  /**
   * Both streams must be read at the same time and to their ends; the reader decides what to keep. A process waits for its
   * reader. A timeout ends both streams normally.
   */
  readonly stdout: AsyncIterable<Uint8Array>;
  readonly stderr: AsyncIterable<Uint8Array>;
  /** Resolves after both streams have ended. Rejects `gone` when the sandbox ended under the process, `timeout` after the signal. */
  readonly exit: Promise<ProcessExit>;
  /** Sends a signal to the process group; there with the feature `exec_signal`. */
  readonly signal?: (signal: ProcessSignal) => Promise<void>;
  /** There with the feature `pty_resize`, for a process that runs on a terminal. */
  readonly resize?: (size: PtySize) => Promise<void>;
}
