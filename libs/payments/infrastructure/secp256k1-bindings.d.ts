/** The native half of the `secp256k1` package, which throws where its binary does not load. */
declare module 'secp256k1/bindings.js' {
  const bindings: typeof import('secp256k1');
  export default bindings;
}
