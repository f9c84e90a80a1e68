import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { CapturedOutput } from './sandbox';

/** What one cell may give back. Sizes count characters of the messages' JSON. */
export interface CellLimits {
  /** Of each stream; what is over is dropped and said so. */
  readonly maxStreamCharacters: number;
  readonly maxResults: number;
  /** Of all results together. */
  readonly maxResultCharacters: number;
}

export interface CellError {
  readonly name: string;
  readonly value: string;
  readonly traceback: readonly string[];
}

export interface CellOutput {
  readonly stdout: CapturedOutput;
  readonly stderr: CapturedOutput;
  readonly results: readonly CellResult[];
  /** Results that were over a limit and are left out. */
  readonly droppedResults: number;
  readonly error: CellError | null;
}

/** A value in each MIME type that it can be shown in; images are base64. */
export interface CellResult {
  readonly data: Readonly<Record<string, string>>;
  /** It is the value of the cell's last expression, and not something that the cell displayed. */
  readonly isValue: boolean;
}

const MAX_TRACEBACK_LINES = 200;
const MAX_LINE_CHARACTERS = 2_000;
const MAX_MIME_TYPES = 16;

const id = z.string();
const message = z.discriminatedUnion('type', [
  z.object({ type: z.literal('stream'), id, name: z.enum(['stdout', 'stderr']), text: z.string() }),
  z.object({ type: z.literal('result'), id, data: z.record(z.string().max(100), z.string()), is_value: z.boolean() }),
  z.object({ type: z.literal('error'), id, name: z.string(), value: z.string(), traceback: z.array(z.string()) }),
  z.object({ type: z.literal('done'), id, cell: z.number() }),
]);
type Message = z.output<typeof message>;

/**
 * Collects what an interpreter says of one cell. The interpreter runs in the sandbox, so whatever runs there can write
 * anything: a line that is no message of this cell is passed over, and nothing grows beyond the limits.
 */
export class CellMessages {
  private readonly decoder = new TextDecoder();
  private pending = '';
  private skipping = false;
  private readonly streams = { stdout: newStream(), stderr: newStream() };
  private readonly results: CellResult[] = [];
  private resultCharacters = 0;
  private droppedResults = 0;
  private error: CellError | null = null;
  private done = false;

  constructor(
    private readonly cellId: string,
    private readonly limits: CellLimits,
  ) {}

  get isDone(): boolean {
    return this.done;
  }

  /** Takes bytes as they come; a line may come in pieces. */
  take(bytes: Uint8Array): void {
    const parts = this.decoder.decode(bytes, { stream: true }).split('\n');
    const last = parts.pop() ?? '';
    for (const part of parts) {
      if (!this.skipping && this.fits(part)) this.line(this.pending + part);
      else if (!this.skipping) this.droppedResults += 1;
      this.pending = '';
      this.skipping = false;
    }
    if (this.skipping) return;
    if (this.fits(last)) {
      this.pending += last;
    } else {
      this.pending = '';
      this.skipping = true;
      this.droppedResults += 1;
    }
  }

  output(): CellOutput {
    return {
      stdout: captured(this.streams.stdout),
      stderr: captured(this.streams.stderr),
      results: this.results,
      droppedResults: this.droppedResults,
      error: this.error,
    };
  }

  /** A line is at most one result of the greatest size, with what JSON writes around it. */
  private fits(more: string): boolean {
    return this.pending.length + more.length <= 2 * (this.limits.maxResultCharacters + this.limits.maxStreamCharacters);
  }

  private line(line: string): void {
    const said = parse(line);
    if (said?.id !== this.cellId || this.done) return;
    switch (said.type) {
      case 'stream':
        return this.stream(said.name, said.text);
      case 'result':
        return this.result(said.data, said.is_value);
      case 'error':
        this.error ??= {
          name: cut(said.name),
          value: cut(said.value),
          traceback: said.traceback.slice(-MAX_TRACEBACK_LINES).map(cut),
        };
        return;
      case 'done':
        this.done = true;
    }
  }

  private stream(name: 'stdout' | 'stderr', text: string): void {
    const stream = this.streams[name];
    const whole = wellFormed(text);
    const room = this.limits.maxStreamCharacters - stream.kept.length;
    if (whole.length > room) stream.isTruncated = true;
    stream.kept += wellFormed(whole.slice(0, room));
    stream.totalBytes += Buffer.byteLength(whole);
    stream.hash.update(whole);
  }

  private result(data: Record<string, string>, isValue: boolean): void {
    const size = Object.values(data).reduce((sum, text) => sum + text.length, 0);
    const isTooMuch =
      Object.keys(data).length > MAX_MIME_TYPES ||
      this.results.length >= this.limits.maxResults ||
      this.resultCharacters + size > this.limits.maxResultCharacters;
    if (isTooMuch) {
      this.droppedResults += 1;
      return;
    }
    this.resultCharacters += size;
    const shown = Object.entries(data).map(([mime, text]) => [wellFormed(mime), wellFormed(text)] as const);
    this.results.push({ data: Object.fromEntries(shown), isValue });
  }
}

const newStream = () => ({ kept: '', isTruncated: false, totalBytes: 0, hash: createHash('sha256') });

function captured({ kept, isTruncated, totalBytes, hash }: ReturnType<typeof newStream>): CapturedOutput {
  return { bytes: Buffer.from(kept), totalBytes, truncated: isTruncated, sha256: hash.copy().digest('hex') };
}

function parse(line: string): Message | null {
  try {
    return message.safeParse(JSON.parse(line)).data ?? null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** No column of the database and no UTF-8 can hold a lone surrogate or a NUL. */
const wellFormed = (text: string): string => text.replaceAll(/\p{Surrogate}|\0/gu, '\uFFFD');
const cut = (text: string): string => wellFormed(text.slice(0, MAX_LINE_CHARACTERS));
