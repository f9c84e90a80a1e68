import { keccak_256 } from '@noble/hashes/sha3';
import { createKeccak, type IHasher } from 'hash-wasm';

/** Compiling takes some milliseconds after the start; where WebAssembly is missing, the JavaScript below stays in use. */
let webAssembly: IHasher | null = null;
export const keccakReady: Promise<'WebAssembly' | 'JavaScript'> = createKeccak(256).then(
  (hasher) => {
    webAssembly = hasher;
    return 'WebAssembly';
  },
  () => 'JavaScript',
);

/** Keccak-256 as Ethereum uses it, of any number of bytes. */
export function keccak256(bytes: Uint8Array): Uint8Array {
  return webAssembly === null ? keccak_256(bytes) : webAssembly.init().update(bytes).digest('binary');
}
