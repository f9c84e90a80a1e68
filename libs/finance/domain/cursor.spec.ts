import { decodeCursor, encodeCursor } from './cursor';

const cursor = { claimedAt: '2026-11-21T05:06:08.054Z', id: '36457d43-0a6d-4615-8c64-2ece148a3fb4' };
const encode = (text: string): string => Buffer.from(text).toString('base64url');

describe('the cursor of payments', () => {
  it('comes back as it went', () => {
    expect(decodeCursor(encodeCursor(cursor))).toEqual(cursor);
  });

  it.each([
    '',
    'x',
    encode('2026-11-21T05:06:08.054Z'),
    encode(`2026-99-21T05:06:08.054Z ${cursor.id}`),
    encode(`2026-11-21T05:06:08.054Z ${cursor.id.slice(1)}`),
    encode(`2026-11-21T05:06:08.054Z ${cursor.id} more`),
    encode(`now() ${cursor.id}`),
  ])('is refused when it is none of ours: %j', (text) => {
    expect(decodeCursor(text)).toBeUndefined();
  });
});
