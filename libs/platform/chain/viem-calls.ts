import { BaseError, ExecutionRevertedError, type PublicClient } from 'viem';
import { ChainUnavailableError } from './chain-unavailable';

/** What a failed call of viem says: that the chain did not answer, and nothing more. */
export function unavailable(what: string, cause: unknown): ChainUnavailableError {
  if (cause instanceof ChainUnavailableError) return cause;
  const text = cause instanceof BaseError ? cause.shortMessage : cause instanceof Error ? cause.message : 'unknown error';
  return new ChainUnavailableError(`${what} failed: ${text}`, { cause });
}

/** Rejects with ChainUnavailableError only. */
export async function askNode<T>(what: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw unavailable(what, error);
  }
}

/** Null when the node does not have this block. */
export function blockHashOf(client: PublicClient, blockNumber: bigint): Promise<`0x${string}` | null> {
  return askNode('eth_getBlockByNumber', async () => {
    const params = [`0x${blockNumber.toString(16)}`, false] as const;
    const block = await client.request({ method: 'eth_getBlockByNumber', params: [...params] });
    return block?.hash ?? null;
  });
}

/** JSON-RPC error 3 is "execution reverted". */
export const isRevert = (cause: unknown): boolean =>
  cause instanceof ExecutionRevertedError || (typeof cause === 'object' && cause !== null && 'code' in cause && cause.code === 3);
