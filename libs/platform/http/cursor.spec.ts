import { z } from 'zod';
import { cursorInstant, cursorOf, cursorSerial } from './cursor';

const cursor = cursorOf(z.tuple([cursorInstant, z.uuid(), cursorSerial]));
const place: [string, string, string] = ['2026-11-21T05:06:08.054Z', '36457d43-0a6d-4615-8c64-2ece148a3fb4', '9007199254740993'];
const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('a cursor', () => {
  it('comes back as it went', () => {
    expect(cursor.parameter.parse(cursor.encode(place))).toEqual(place);
    expect(cursor.parameter.parse(undefined)).toBeUndefined();
  });

  it.each([
    '',
    'x',
    "' OR 1=1",
    encode(null),
    encode([]),
    encode(place.slice(1)),
    encode([...place, 'more']),
    encode(['2026-99-21T05:06:08.054Z', place[1], place[2]]),
    encode(['now()', place[1], place[2]]),
    encode([place[0], place[1].slice(1), place[2]]),
    encode([place[0], place[1], '9'.repeat(19)]),
    encode([place[0], place[1], 7]),
  ])('is refused when it is none of ours: %j', (text) => {
    const refused = cursor.parameter.safeParse(text);
    expect(refused.error?.issues).toMatchObject([{ message: expect.stringContaining('a cursor of this list') }]);
  });
});
