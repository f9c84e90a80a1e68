import type { ProcessSignal, PtySize } from '../../../application/ports/process';
import { AgentProtocolError, REPLY } from './frames';

/** Payloads of the frames: what the gateway asks for, and what the agent is believed to have answered. */

const EXEC_PTY = 1;
const EXEC_STDIN = 2;
const MAX_EXIT_CODE = 255;
const MAX_MESSAGE_BYTES = 1_024;

const SIGNAL_NUMBERS: Readonly<Record<ProcessSignal, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGUSR2: 12,
  SIGTERM: 15,
  SIGCONT: 18,
  SIGSTOP: 19,
};

export interface ExecOrder {
  /** Empty for a command that belongs to the request that starts it. */
  readonly name: string;
  readonly argv: readonly string[];
  readonly timeoutMs: number;
  readonly env: Readonly<Record<string, string>>;
  readonly workdir: string;
  readonly withStdin: boolean;
  readonly pty: PtySize | null;
}

class PayloadWriter {
  private readonly parts: Buffer[] = [];

  number(value: number, bytes: 1 | 2 | 4): this {
    const part = Buffer.alloc(bytes);
    part.writeUIntLE(value, 0, bytes);
    this.parts.push(part);
    return this;
  }

  offset(value: number): this {
    const part = Buffer.alloc(8);
    part.writeBigUInt64LE(BigInt(value));
    this.parts.push(part);
    return this;
  }

  bytes(value: Uint8Array): this {
    this.number(value.length, 4).parts.push(Buffer.from(value));
    return this;
  }

  text(value: string): this {
    return this.bytes(Buffer.from(value));
  }

  texts(values: readonly string[]): this {
    this.number(values.length, 4);
    for (const value of values) this.text(value);
    return this;
  }

  payload(): Buffer {
    return Buffer.concat(this.parts);
  }
}

export function execPayload(order: ExecOrder): Buffer {
  const { rows, columns } = order.pty ?? { rows: 0, columns: 0 };
  return new PayloadWriter()
    .number(Math.ceil(order.timeoutMs), 4)
    .number((order.pty === null ? 0 : EXEC_PTY) | (order.withStdin ? EXEC_STDIN : 0), 1)
    .number(rows, 2)
    .number(columns, 2)
    .text(order.name)
    .text(order.workdir)
    .texts(Object.entries(order.env).map(([name, value]) => `${name}=${value}`))
    .texts(order.argv)
    .payload();
}

export const creditPayload = (stream: 0 | 1, bytes: number): Buffer =>
  new PayloadWriter().number(stream, 1).number(bytes, 4).payload();

export const signalPayload = (signal: ProcessSignal, name = ''): Buffer =>
  new PayloadWriter().number(SIGNAL_NUMBERS[signal], 1).text(name).payload();

export const resizePayload = ({ rows, columns }: PtySize, name = ''): Buffer =>
  new PayloadWriter().number(rows, 2).number(columns, 2).text(name).payload();

export const namePayload = (name: string): Buffer => new PayloadWriter().text(name).payload();

export const followPayload = (name: string, stdoutOffset: number, stderrOffset: number): Buffer =>
  new PayloadWriter().text(name).offset(stdoutOffset).offset(stderrOffset).payload();

export const writePayload = (name: string, close: boolean, bytes: Uint8Array): Buffer =>
  new PayloadWriter()
    .text(name)
    .number(close ? 1 : 0, 1)
    .bytes(bytes)
    .payload();

function exactly(payload: Buffer, bytes: number, what: string): Buffer {
  if (payload.length !== bytes) throw new AgentProtocolError(`${what} of ${payload.length} bytes`);
  return payload;
}

function safeNumber(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new AgentProtocolError('a position past every output');
  return Number(value);
}

export interface OutputPiece {
  readonly stream: 0 | 1;
  readonly offset: number;
  readonly bytes: Buffer;
}

export function readOutput(type: number, payload: Buffer): OutputPiece {
  if (payload.length <= 8) throw new AgentProtocolError('output without bytes');
  return {
    stream: type === REPLY.stdout ? 0 : 1,
    offset: safeNumber(payload.readBigUInt64LE(0)),
    bytes: payload.subarray(8),
  };
}

function exitCode(value: number): number {
  if (value < 0 || value > MAX_EXIT_CODE) throw new AgentProtocolError(`exit code ${value}`);
  return value;
}

export function readExit(payload: Buffer): { returncode: number; timedOut: boolean } {
  exactly(payload, 5, 'an exit');
  return { returncode: exitCode(payload.readInt32LE(0)), timedOut: payload.readUInt8(4) === 1 };
}

export const readCredit = (payload: Buffer): number => exactly(payload, 4, 'credit').readUInt32LE(0);

export const readVersion = (payload: Buffer): number => exactly(payload, 4, 'a greeting').readUInt32LE(0);

export function readStatus(payload: Buffer): {
  isRunning: boolean;
  returncode: number;
  timedOut: boolean;
  stdoutBytes: number;
  stderrBytes: number;
} {
  exactly(payload, 22, 'a status');
  return {
    isRunning: payload.readUInt8(0) === 1,
    returncode: exitCode(payload.readInt32LE(1)),
    timedOut: payload.readUInt8(5) === 1,
    stdoutBytes: safeNumber(payload.readBigUInt64LE(6)),
    stderrBytes: safeNumber(payload.readBigUInt64LE(14)),
  };
}

export type RefusalReason = 'invalid' | 'not_found' | 'taken' | 'busy' | 'ended';
const REFUSALS: readonly (RefusalReason | undefined)[] = [undefined, 'invalid', 'not_found', 'taken', 'busy', 'ended'];

export function readRefusal(payload: Buffer): { reason: RefusalReason; message: string } {
  const reason = REFUSALS[payload[0] ?? 0];
  if (reason === undefined || payload.length > 1 + MAX_MESSAGE_BYTES) throw new AgentProtocolError('a refusal without a reason');
  return { reason, message: payload.subarray(1).toString('utf8') };
}
