import type { Config } from './config';

/** A chain that payments settle on, with its canonical USDC. */
export interface Network {
  /** Value of X402_NETWORK and network name of x402 v1. */
  readonly name: Config['X402_NETWORK'];
  /** Network name of x402 v2, and the one stored in the database. */
  readonly caip2: `eip155:${number}`;
  readonly chainId: number;
  /** Canonical USDC, lower case. */
  readonly usdc: `0x${string}`;
  /** EIP-712 domain of the token. */
  readonly usdcDomain: { readonly name: string; readonly version: string };
}

export const NETWORKS: Readonly<Record<Network['name'], Network>> = Object.freeze({
  base: {
    name: 'base',
    caip2: 'eip155:8453',
    chainId: 8453,
    usdc: '0x833589fcd6edb6e08f4c7c32d4f71b54bda02913',
    usdcDomain: { name: 'USD Coin', version: '2' },
  },
  'base-sepolia': {
    name: 'base-sepolia',
    caip2: 'eip155:84532',
    chainId: 84532,
    usdc: '0x036cbd53842c5426634e7929541ec2318f3dcf7e',
    usdcDomain: { name: 'USDC', version: '2' },
  },
});

/** The network that the configuration names. */
export function networkOf(config: Pick<Config, 'X402_NETWORK'>): Network {
  return NETWORKS[config.X402_NETWORK];
}
