const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const LENGTH = 22;
/** Bytes from here on are thrown away, so that every character is equally likely. */
const UNBIASED_BELOW = 256 - (256 % ALPHABET.length);

/**
 * A new id: the prefix, a hyphen and 22 alphanumeric characters, 131 bits.
 * @param randomBytes gives that many bytes of a cryptographic generator.
 */
export function randomId(prefix: string, randomBytes: (length: number) => Uint8Array): string {
  let id = '';
  while (id.length < LENGTH) {
    for (const byte of randomBytes(LENGTH)) {
      if (byte < UNBIASED_BELOW && id.length < LENGTH) id += ALPHABET.charAt(byte % ALPHABET.length);
    }
  }
  return `${prefix}-${id}`;
}
