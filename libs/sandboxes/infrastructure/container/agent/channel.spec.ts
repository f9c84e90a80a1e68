import { PassThrough, type Duplex, duplexPair } from 'node:stream';
import { type ExecOptions, ProviderError, type ProviderProcess } from '../../../application/ports/provider';
import { startThroughAgent } from './agent-process';
import { AgentChannel } from './channel';
import { encodeFrame, FrameDecoder, OUTPUT_WINDOW_BYTES, REPLY, REQUEST } from './frames';

const HELLO = encodeFrame(REPLY.hello, 0, Buffer.from([1, 0, 0, 0]));
const EXITED = (code: number, timedOut = 0) =>
  Buffer.from([code & 255, (code >> 8) & 255, (code >> 16) & 255, code >> 24, timedOut]);

/** What the engine's exec stream brings of the agent's stdout. */
function multiplexed(bytes: Buffer, stream = 1): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt8(stream, 0);
  head.writeUInt32BE(bytes.length, 4);
  return Buffer.concat([head, bytes]);
}

const output = (bytes: Buffer | string, offset = 0): Buffer => {
  const head = Buffer.alloc(8);
  head.writeBigUInt64LE(BigInt(offset));
  return Buffer.concat([head, Buffer.from(bytes)]);
};

/** A channel whose agent is the test. */
function open(): { channel: AgentChannel; far: Duplex; say: (...frames: Buffer[]) => void; asked: () => number[] } {
  const [near, far] = duplexPair();
  const types: number[] = [];
  let held = Buffer.alloc(0);
  far.on('data', (chunk: Buffer) => {
    held = Buffer.concat([held, chunk]);
    while (held.length >= 4 && held.length >= 4 + held.readUInt32LE(0)) {
      types.push(held.readUInt8(4));
      held = held.subarray(4 + held.readUInt32LE(0));
    }
  });
  const say = (...frames: Buffer[]) => void far.write(multiplexed(Buffer.concat(frames)));
  return { channel: new AgentChannel(near), far, say, asked: () => types };
}

async function text(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const kindOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    (value) => JSON.stringify(value),
    (error: unknown) => (error instanceof ProviderError ? error.kind : String(error)),
  );

function exec(
  channel: AgentChannel,
  options: Partial<ExecOptions> = {},
  running = true,
  signal = new AbortController().signal,
): ProviderProcess {
  const context = { isSandboxRunning: () => Promise.resolve(running) };
  return startThroughAgent(channel, ['true'], { timeoutMs: 60_000, ...options }, context, signal);
}

describe('a command over a channel', () => {
  it('gives both streams and the exit', async () => {
    const { channel, say } = open();
    say(HELLO);
    await channel.ready;
    const process = exec(channel);
    say(
      encodeFrame(REPLY.started, 1),
      encodeFrame(REPLY.stdout, 1, output('out')),
      encodeFrame(REPLY.stderr, 1, output('err')),
      encodeFrame(REPLY.exited, 1, EXITED(3)),
      encodeFrame(REPLY.end, 1),
    );
    expect(await Promise.all([text(process.stdout), text(process.stderr), process.exit])).toEqual([
      'out',
      'err',
      { returncode: 3, timedOut: false },
    ]);
    expect(channel.activeRequests).toBe(0);
    channel.close();
  });

  it('asks for more only as its reader takes what came', async () => {
    const { channel, say, asked } = open();
    say(HELLO);
    await channel.ready;
    const process = exec(channel);
    const piece = Buffer.alloc(OUTPUT_WINDOW_BYTES / 4, 'x');
    for (let index = 0; index < 4; index++) say(encodeFrame(REPLY.stdout, 1, output(piece, index * piece.length)));
    await new Promise(setImmediate);
    expect(asked()).toEqual([REQUEST.exec]);
    const reader = process.stdout[Symbol.asyncIterator]();
    for (let index = 0; index < 4; index++) await reader.next();
    await new Promise(setImmediate);
    expect(asked()).toContain(REQUEST.credit);
    channel.close();
    expect(await kindOf(process.exit)).toBe('internal');
  });

  it.each<[string, Buffer[]]>([
    ['output before its position', [encodeFrame(REPLY.stdout, 1, output('a')), encodeFrame(REPLY.stdout, 1, output('b', 0))]],
    ['output after a gap', [encodeFrame(REPLY.stdout, 1, output('a', 5))]],
    ['output without bytes', [encodeFrame(REPLY.stdout, 1, output(''))]],
    ['a position past every output', [encodeFrame(REPLY.stdout, 1, Buffer.alloc(20, 0xff))]],
    [
      'more output than was asked for',
      [0, 1, 2, 3, 4].map((index) => encodeFrame(REPLY.stdout, 1, output(Buffer.alloc(65_536), index * 65_536))),
    ],
    ['two starts', [encodeFrame(REPLY.started, 1), encodeFrame(REPLY.started, 1)]],
    ['two exits', [encodeFrame(REPLY.exited, 1, EXITED(0)), encodeFrame(REPLY.exited, 1, EXITED(1))]],
    ['an exit code that is none', [encodeFrame(REPLY.exited, 1, EXITED(-1))]],
    ['an exit code of 256', [encodeFrame(REPLY.exited, 1, EXITED(256))]],
    ['an exit of the wrong length', [encodeFrame(REPLY.exited, 1, Buffer.alloc(4))]],
    ['an end without an exit', [encodeFrame(REPLY.end, 1)]],
    ['credit for no input', [encodeFrame(REPLY.stdinCredit, 1, Buffer.from([1, 0, 0, 0]))]],
    ['a refusal of what runs', [encodeFrame(REPLY.started, 1), encodeFrame(REPLY.refused, 1, Buffer.from([4]))]],
    ['an answer to no request', [encodeFrame(REPLY.done, 1)]],
    ['a request that nobody made', [encodeFrame(REPLY.started, 2)]],
    ['a second greeting', [HELLO]],
    ['another frame without a request', [encodeFrame(REPLY.pong, 0)]],
    ['bytes that are no frame', [Buffer.alloc(64, 0xff)]],
  ])('fails, with its channel, on %s, and is never said not to have run', async (_, frames) => {
    const { channel, say } = open();
    say(HELLO);
    await channel.ready;
    const process = exec(channel);
    say(...frames);
    const [, , kind] = await Promise.all([text(process.stdout), text(process.stderr), kindOf(process.exit)]);
    expect(kind).toBe('internal');
    expect(channel.isOpen).toBe(false);
    expect(await channel.ended).not.toBeNull();
  });

  it('is gone when the sandbox ended with its channel', async () => {
    const { channel, far, say } = open();
    say(HELLO);
    await channel.ready;
    const process = exec(channel, {}, false);
    far.end();
    expect(await kindOf(process.exit)).toBe('gone');
  });

  it('is gone when it was killed because the sandbox ended', async () => {
    const { channel, say } = open();
    say(HELLO);
    await channel.ready;
    const process = exec(channel, {}, false);
    say(encodeFrame(REPLY.exited, 1, EXITED(137)), encodeFrame(REPLY.end, 1));
    expect(await kindOf(process.exit)).toBe('gone');
    channel.close();
  });

  it('is not believed to have timed out before its time', async () => {
    const { channel, say } = open();
    say(HELLO);
    await channel.ready;
    const process = exec(channel);
    say(encodeFrame(REPLY.exited, 1, EXITED(137, 1)), encodeFrame(REPLY.end, 1));
    expect(await kindOf(process.exit)).toBe(JSON.stringify({ returncode: 137, timedOut: false }));
    channel.close();
  });

  it('is cancelled after its deadline, and what still comes of it is thrown away', async () => {
    const { channel, say, asked } = open();
    say(HELLO);
    await channel.ready;
    const deadline = new AbortController();
    const process = exec(channel, {}, true, deadline.signal);
    deadline.abort();
    expect(await kindOf(process.exit)).toBe('timeout');
    await new Promise(setImmediate);
    expect(asked()).toEqual([REQUEST.exec, REQUEST.cancel]);
    say(encodeFrame(REPLY.stdout, 1, output('late')), encodeFrame(REPLY.exited, 1, EXITED(0)), encodeFrame(REPLY.end, 1));
    say(encodeFrame(REPLY.done, 1));
    await new Promise(setImmediate);
    expect(channel.isOpen).toBe(true);
    expect(channel.activeRequests).toBe(0);
    channel.close();
  });

  it('takes no more credit for input than it sent', async () => {
    const { channel, say } = open();
    say(HELLO);
    await channel.ready;
    const process = exec(channel, { stdin: new PassThrough() });
    say(encodeFrame(REPLY.stdinCredit, 1, Buffer.from([1, 0, 0, 0])));
    expect(await kindOf(process.exit)).toBe('internal');
  });
});

describe('a channel', () => {
  it('is not ready before the greeting of its version', async () => {
    const wrong = open();
    wrong.say(encodeFrame(REPLY.hello, 0, Buffer.from([2, 0, 0, 0])));
    await expect(wrong.channel.ready).rejects.toThrow('another version');
    const early = open();
    early.say(encodeFrame(REPLY.pong, 1), HELLO);
    await expect(early.channel.ready).rejects.toThrow('nobody asked for');
  });

  it('ends when there is too much noise beside it', async () => {
    const { channel, far, say } = open();
    say(HELLO);
    await channel.ready;
    for (let index = 0; index < 5; index++) far.write(multiplexed(Buffer.alloc(4_096), 2));
    expect(await channel.ended).toMatchObject({ name: 'AgentProtocolError' });
  });

  it('answers nothing for a frame that is cut off by its end', () => {
    expect([...new FrameDecoder().push(HELLO.subarray(0, -1))]).toEqual([]);
  });
});
