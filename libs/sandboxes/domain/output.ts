const CONTINUATION_MASK = 0b1100_0000;
const CONTINUATION = 0b1000_0000;
const LONGEST_CHARACTER = 4;

/** Bytes that the character has which starts with this byte; 1 for a byte that starts none. */
function characterLength(first: number): number {
  if (first >= 0xf0 && first <= 0xf4) return 4;
  if (first >= 0xe0 && first <= 0xef) return 3;
  if (first >= 0xc2 && first <= 0xdf) return 2;
  return 1;
}

/**
 * Takes the bytes of a character off the end that the cut went through. Bytes that are no UTF-8 stay: they were there.
 * @param bytes the beginning of a longer text
 */
export function withoutCutCharacter(bytes: Uint8Array): Uint8Array {
  for (let back = 1; back <= Math.min(LONGEST_CHARACTER, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & CONTINUATION_MASK) === CONTINUATION) continue;
    return characterLength(byte) > back ? bytes.subarray(0, bytes.length - back) : bytes;
  }
  return bytes;
}

/** Bytes as text: UTF-8, with U+FFFD for what is none. NUL characters and a byte order mark stay. */
export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}
