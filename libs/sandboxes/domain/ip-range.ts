/** IP addresses and CIDR ranges as numbers, so that they can be compared. */

export interface IpRange {
  readonly family: 4 | 6;
  readonly first: bigint;
  readonly last: bigint;
}

const BITS = { 4: 32, 6: 128 } as const;
const DECIMAL_BYTE = /^(0|[1-9][0-9]{0,2})$/;
const GROUP = /^[0-9a-fA-F]{1,4}$/;

/** `203.0.113.0/24`, `2001:db8::/32`, or one address. Null for what is neither, or has bits below its prefix. */
export function parseRange(text: string): IpRange | null {
  const [address = '', prefix, ...rest] = text.split('/');
  if (rest.length > 0) return null;
  const family = address.includes(':') ? 6 : 4;
  const first = family === 4 ? parseIpv4(address) : parseIpv6(address);
  if (first === null) return null;
  const bits = BITS[family];
  if (prefix !== undefined && (!DECIMAL_BYTE.test(prefix) || Number(prefix) > bits)) return null;
  const size = 1n << BigInt(bits - Number(prefix ?? bits));
  return first % size === 0n ? { family, first, last: first + size - 1n } : null;
}

export const overlaps = (a: IpRange, b: IpRange): boolean => a.family === b.family && a.first <= b.last && b.first <= a.last;

export const contains = (outer: IpRange, inner: IpRange): boolean =>
  outer.family === inner.family && outer.first <= inner.first && inner.last <= outer.last;

function parseIpv4(text: string): bigint | null {
  const bytes = text.split('.');
  if (bytes.length !== 4 || !bytes.every((byte) => DECIMAL_BYTE.test(byte) && Number(byte) <= 255)) return null;
  return bytes.reduce((value, byte) => value * 256n + BigInt(byte), 0n);
}

function parseIpv6(text: string): bigint | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const [head, tail] = [groupsOf(halves[0] ?? ''), groupsOf(halves[1] ?? '')];
  if (head === null || tail === null) return null;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return null;
  const groups = [...head, ...Array<bigint>(Math.max(0, missing)).fill(0n), ...tail];
  return groups.reduce((value, group) => (value << 16n) | group, 0n);
}

function groupsOf(half: string): bigint[] | null {
  if (half === '') return [];
  const groups: bigint[] = [];
  const parts = half.split(':');
  for (const [at, part] of parts.entries()) {
    if (GROUP.test(part)) {
      groups.push(BigInt(`0x${part}`));
    } else {
      const ipv4 = at === parts.length - 1 ? parseIpv4(part) : null;
      if (ipv4 === null) return null;
      groups.push(ipv4 >> 16n, ipv4 & 0xffffn);
    }
  }
  return groups;
}
