export { NETWORKS, networkOf, type Network } from '@tollbox/platform/config/networks';

export type Caip2 = `eip155:${number}`;
export type Hex = `0x${string}`;

/** Multicall3 stands at the same address on every chain. */
export const MULTICALL3: Hex = '0xca11bde05977b3631167028862be2a173976ca11';
