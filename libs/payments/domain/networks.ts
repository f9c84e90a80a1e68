/** The chains that Tollbox settles on, under every name that x402 has for them. */
export type NetworkName = 'base' | 'base-sepolia';
export type Caip2 = `eip155:${number}`;
export type Hex = `0x${string}`;

export interface Network {
  /** x402 v1 name. */
  readonly v1: NetworkName;
  /** x402 v2 name (CAIP-2); also what the payments table stores. */
  readonly v2: Caip2;
  readonly chainId: number;
  /** Circle's canonical USDC, lower case. Buyers refuse any other asset. */
  readonly usdc: Hex;
  /** EIP-712 domain of that token. The name differs between the chains. */
  readonly domain: { readonly name: string; readonly version: string };
}

export const NETWORKS: Readonly<Record<NetworkName, Network>> = {
  base: {
    v1: 'base',
    v2: 'eip155:8453',
    chainId: 8453,
    usdc: '0x833589fcd6edb6e08f4c7c32d4f71b54bda02913',
    domain: { name: 'USD Coin', version: '2' },
  },
  'base-sepolia': {
    v1: 'base-sepolia',
    v2: 'eip155:84532',
    chainId: 84532,
    usdc: '0x036cbd53842c5426634e7929541ec2318f3dcf7e',
    domain: { name: 'USDC', version: '2' },
  },
};

/** Multicall3 stands at the same address on every chain. */
export const MULTICALL3: Hex = '0xca11bde05977b3631167028862be2a173976ca11';
