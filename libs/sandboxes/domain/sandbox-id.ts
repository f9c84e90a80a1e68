import { randomId } from './random-id';

const PATTERN = /^sb-[A-Za-z0-9]{1,64}$/;

/**
 * A new id: `sb-` and 22 alphanumeric characters, 131 bits.
 * @param randomBytes gives that many bytes of a cryptographic generator.
 */
export function newSandboxId(randomBytes: (length: number) => Uint8Array): string {
  return randomId('sb', randomBytes);
}

/** Whether a text could be an id at all; anything else belongs to no sandbox. */
export function isSandboxId(text: string): boolean {
  return PATTERN.test(text);
}
