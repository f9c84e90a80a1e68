import { PassThrough } from 'node:stream';
import { HIGH_WATER_BYTES, MultiplexedStream } from './multiplexed-stream';

function frame(stream: 1 | 2, payload: Buffer | string): Buffer {
  const body = Buffer.from(payload);
  const header = Buffer.alloc(8);
  header.writeUInt8(stream, 0);
  header.writeUInt32BE(body.length, 4);
  return Buffer.concat([header, body]);
}

async function read(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('MultiplexedStream', () => {
  const wire = Buffer.concat([frame(1, 'out1 '), frame(2, 'err1 '), frame(1, ''), frame(2, 'err2'), frame(1, 'żółw')]);

  it.each(Array.from({ length: wire.length }, (_, size) => size + 1))(
    'parts frames that come in pieces of %i bytes',
    async (size) => {
      const connection = new PassThrough();
      const streams = new MultiplexedStream(connection);
      for (let offset = 0; offset < wire.length; offset += size) connection.write(wire.subarray(offset, offset + size));
      connection.end();
      const [stdout, stderr] = await Promise.all([read(streams.stdout), read(streams.stderr)]);
      expect([stdout, stderr]).toEqual(['out1 żółw', 'err1 err2']);
      await streams.ended;
    },
  );

  it('stops taking data when a reader is slow, and goes on when it has read', async () => {
    const connection = new PassThrough({ highWaterMark: 1024 });
    const streams = new MultiplexedStream(connection);
    const total = 64;
    let written = 0;
    const writing = (async () => {
      for (; written < total; written += 1) {
        if (!connection.write(frame(1, Buffer.alloc(32_768, 'x'))))
          await new Promise((resolve) => connection.once('drain', resolve));
      }
      connection.end();
    })();
    for (let turn = 0; turn < 50; turn += 1) await settled();
    expect(streams.isWaitingForReader).toBe(true);
    expect(written).toBeLessThan(total);
    expect(streams.receivedBytes).toBeLessThan(2 * HIGH_WATER_BYTES);
    expect(await read(streams.stdout)).toHaveLength(total * 32_768);
    await writing;
    expect(streams.isWaitingForReader).toBe(false);
  });

  it('gives what came before a broken connection', async () => {
    const connection = new PassThrough();
    const streams = new MultiplexedStream(connection);
    connection.write(frame(1, 'before'));
    await settled();
    connection.destroy(new Error('reset'));
    await streams.ended;
    expect(await read(streams.stdout)).toBe('before');
    expect(await read(streams.stderr)).toBe('');
  });

  it('takes nothing after finish, and gives the connection back', async () => {
    const connection = new PassThrough();
    const streams = new MultiplexedStream(connection);
    connection.write(frame(2, 'kept'));
    await settled();
    streams.finish();
    streams.finish();
    expect(connection.destroyed).toBe(true);
    expect(await read(streams.stderr)).toBe('kept');
    await streams.ended;
  });

  it('throws away what a reader that left does not want', async () => {
    const connection = new PassThrough();
    const streams = new MultiplexedStream(connection);
    connection.write(frame(1, 'first'));
    for await (const chunk of streams.stdout) {
      expect(Buffer.from(chunk).toString()).toBe('first');
      break;
    }
    for (let n = 0; n < 32; n += 1) connection.write(frame(1, Buffer.alloc(32_768)));
    connection.end();
    await streams.ended;
    expect(streams.stdout.unreadBytes).toBe(0);
  });
});
