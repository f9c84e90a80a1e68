import { ConfigurationError } from '@tollbox/platform/config/config';
import type { Network } from '../domain/networks';
import type { ViemChain } from './viem-chain';

/**
 * The RPC endpoint must be the configured chain. A development node (Anvil) names itself in `web3_clientVersion`; only
 * there may well-known keys sign.
 * @throws ConfigurationError for another chain.
 */
export async function assertChain(chain: ViemChain, network: Network): Promise<{ isDevChain: boolean }> {
  const chainId = await chain.chainId();
  if (chainId !== network.chainId)
    throw new ConfigurationError([
      `RPC_URL: answers for chain ${chainId}, but X402_NETWORK=${network.name} is chain ${network.chainId}`,
    ]);
  const version = await chain.clientVersion();
  return { isDevChain: /^(anvil|hardhat)/i.test(version) };
}
