import { AgentProtocolError, REQUEST, STDIN_WINDOW_BYTES } from './frames';

const PIECE_BYTES = 32 * 1024;

/** Sends the standard input of a command, never more than its agent has room for. */
export class StdinPump {
  private credit = STDIN_WINDOW_BYTES;
  private isStopped = false;
  private wake: () => void = () => undefined;

  constructor(
    private readonly content: AsyncIterable<Uint8Array>,
    private readonly send: (type: number, bytes?: Uint8Array) => void,
  ) {}

  start(onFailure: (error: unknown) => void): void {
    this.pump().catch((error: unknown) => {
      if (!this.isStopped) onFailure(error);
    });
  }

  /** @throws AgentProtocolError for credit that was never taken. */
  addCredit(bytes: number): void {
    this.credit += bytes;
    if (this.credit > STDIN_WINDOW_BYTES) throw new AgentProtocolError('more credit than input');
    this.wake();
  }

  /** The command takes no more. */
  stop(): void {
    this.isStopped = true;
    this.wake();
  }

  private async pump(): Promise<void> {
    for await (const chunk of this.content) {
      for (let offset = 0; offset < chunk.length;) {
        if (!(await this.hasRoom())) return;
        const piece = chunk.subarray(offset, offset + Math.min(PIECE_BYTES, this.credit));
        this.credit -= piece.length;
        offset += piece.length;
        this.send(REQUEST.stdin, piece);
      }
    }
    if (!this.isStopped) this.send(REQUEST.stdinEnd);
  }

  /** False once the command takes no more. */
  private async hasRoom(): Promise<boolean> {
    for (;;) {
      if (this.isStopped) return false;
      if (this.credit > 0) return true;
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }
}
