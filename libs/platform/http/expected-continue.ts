import type { IncomingMessage, ServerResponse } from 'node:http';

interface Raw<Message> {
  readonly raw: Message;
}

/** Whether the client holds its body back until it is asked for it. */
export function expectsContinue({ raw }: Raw<IncomingMessage>): boolean {
  return raw.headers.expect?.toLowerCase() === '100-continue';
}

/** Asks for a body that the client holds back. */
export function continueIfExpected(request: Raw<IncomingMessage>, reply: Raw<ServerResponse>): void {
  if (expectsContinue(request)) reply.raw.writeContinue();
}
