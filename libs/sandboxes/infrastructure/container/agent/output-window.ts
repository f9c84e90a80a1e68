import { OutputChannel } from '../multiplexed-stream';
import { AgentProtocolError, OUTPUT_WINDOW_BYTES } from './frames';

/** Credit is given back in pieces of at least this size. */
const GRANT_BYTES = OUTPUT_WINDOW_BYTES / 4;

/** One stream of output whose reader decides how much of it is on its way: never more than the window. */
export class OutputWindow {
  readonly output = new OutputChannel(() => this.grant());
  private received = 0;
  private allowed = OUTPUT_WINDOW_BYTES;

  constructor(private readonly sendCredit: (bytes: number) => void) {}

  /** @throws AgentProtocolError for more than was allowed. */
  take(bytes: Uint8Array): void {
    this.received += bytes.length;
    if (this.received > this.allowed) throw new AgentProtocolError('more output than was asked for');
    this.output.push(bytes);
    this.grant(); // a reader that stopped early takes everything at once
  }

  private grant(): void {
    const bytes = OUTPUT_WINDOW_BYTES - this.output.unreadBytes - (this.allowed - this.received);
    if (bytes < GRANT_BYTES) return;
    this.allowed += bytes;
    this.sendCredit(bytes);
  }
}
