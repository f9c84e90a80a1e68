import type { SignatureRecovery } from '../application/ports/signature-recovery';

/**
 * Native libsecp256k1 where its prebuilt binary loads (about 60 µs a call), else the same library as WebAssembly (about
 * 230 µs). The `secp256k1` package falls back to slow JavaScript without a word; asking for its native half by name
 * keeps that from happening.
 */
export async function loadSignatureRecovery(): Promise<SignatureRecovery> {
  return (await loadNative()) ?? (await loadWasm());
}

export async function loadNative(): Promise<SignatureRecovery | null> {
  const native = await import('secp256k1/bindings.js').then(
    (module) => module.default,
    () => null, // no prebuilt binary for this platform
  );
  if (native === null) return null;
  return {
    implementation: 'secp256k1 (native)',
    recover: (digest, { rs, recoveryId }) => orNull(() => native.ecdsaRecover(rs, recoveryId, digest, false)),
  };
}

export async function loadWasm(): Promise<SignatureRecovery> {
  const wasm = await import('tiny-secp256k1');
  return {
    implementation: 'tiny-secp256k1 (WebAssembly)',
    recover: (digest, { rs, recoveryId }) => orNull(() => wasm.recover(digest, rs, recoveryId, false)),
  };
}

/** Both libraries throw when no point of the curve belongs to the signature; that is an answer, not a failure. */
function orNull(recover: () => Uint8Array | null): Uint8Array | null {
  try {
    return recover();
  } catch {
    return null;
  }
}
