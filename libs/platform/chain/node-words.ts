/**
 * Whether a node that refuses signed bytes says that it has them, or that their nonce is decided. Nodes have no code for it.
 * Which transaction took the nonce is for the receipts to tell.
 */
export const isNonceDecided = (message: string): boolean =>
  /already known|already imported|known transaction|nonce too low|replacement transaction underpriced/i.test(message);
