import { randomBytes } from 'node:crypto';

const POOL_BYTES = 4_096;
const RANDOM_BYTES = 10;
let pool = Buffer.alloc(0);
let used = 0;

function random(): number {
  if (used + RANDOM_BYTES > pool.length) {
    pool = randomBytes(POOL_BYTES);
    used = 0;
  }
  const start = used;
  used += RANDOM_BYTES;
  return start;
}

/**
 * A UUID of version 7 (RFC 9562): its first 48 bits are the time, so that rows of about the same time are neighbours in
 * an index, and inserts touch few of its pages however large the table is.
 */
export function uuidV7(nowMs = Date.now()): string {
  const time = nowMs.toString(16).padStart(12, '0');
  const start = random();
  const hex = pool.toString('hex', start, start + RANDOM_BYTES);
  const variant = ((Number.parseInt(hex.charAt(3), 16) & 0x3) | 0x8).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex.slice(0, 3)}-${variant}${hex.slice(4, 7)}-${hex.slice(7, 19)}`;
}
