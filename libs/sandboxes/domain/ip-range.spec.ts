import { contains, overlaps, parseRange } from './ip-range';

const range = (text: string) => {
  const parsed = parseRange(text);
  if (parsed === null) throw new Error(`${text} is no range`);
  return parsed;
};

describe('parseRange', () => {
  it.each([
    ['203.0.113.0/24', 4, 0xcb007100n, 0xcb0071ffn],
    ['203.0.113.7', 4, 0xcb007107n, 0xcb007107n],
    ['0.0.0.0/0', 4, 0n, 0xffffffffn],
    ['::/0', 6, 0n, (1n << 128n) - 1n],
    ['::1', 6, 1n, 1n],
    ['2001:db8::/32', 6, 0x20010db8n << 96n, (0x20010db9n << 96n) - 1n],
    ['1:2:3:4:5:6:7:8', 6, 0x00010002000300040005000600070008n, 0x00010002000300040005000600070008n],
    ['::ffff:10.0.0.1', 6, 0xffff0a000001n, 0xffff0a000001n],
    ['FE80::/10', 6, 0xfe80n << 112n, (0xfec0n << 112n) - 1n],
  ])('%s', (text, family, first, last) => {
    expect(parseRange(text)).toEqual({ family, first, last });
  });

  it.each([
    '',
    '/8',
    '10.0.0.0/33',
    '10.0.0.0/08',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '10.0.0.1/8',
    '10.0.0',
    '10.0.0.256',
    '010.0.0.1',
    '0x0a.0.0.1',
    '167772161',
    ' 10.0.0.1',
    '10.0.0.1\n',
    '2001:db8::/129',
    '2001:db8::1/32',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1::2::3',
    '1:2:3:4:5:6:7::8',
    ':1',
    '::g',
    '::10.0.0.1:1',
    'fe80::1%eth0',
    'example.com',
  ])('refuses %j', (text) => {
    expect(parseRange(text)).toBeNull();
  });
});

describe('ranges', () => {
  it('overlap and contain within their family only', () => {
    expect(overlaps(range('10.0.0.0/8'), range('10.9.0.0/16'))).toBe(true);
    expect(overlaps(range('10.0.0.0/8'), range('0.0.0.0/0'))).toBe(true);
    expect(overlaps(range('10.0.0.0/8'), range('11.0.0.0/8'))).toBe(false);
    expect(overlaps(range('0.0.0.0/0'), range('::/0'))).toBe(false);
    expect(contains(range('10.0.0.0/8'), range('10.0.0.0/8'))).toBe(true);
    expect(contains(range('10.9.0.0/16'), range('10.0.0.0/8'))).toBe(false);
    expect(contains(range('::/0'), range('10.0.0.0/8'))).toBe(false);
  });
});
