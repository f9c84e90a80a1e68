import type { CompactSignature } from '../../domain/eip3009';

/** secp256k1 public-key recovery. Returns the uncompressed 65-byte key, or null when there is none. */
export interface SignatureRecovery {
  readonly implementation: string;
  recover(digest: Uint8Array, signature: CompactSignature): Uint8Array | null;
}
