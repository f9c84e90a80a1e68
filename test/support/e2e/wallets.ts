import { encodeFunctionData, erc20Abi, parseEventLogs, type Abi, type Log } from 'viem';
import type { PrivateKeyAccount } from 'viem/accounts';
import type { Chain } from '@tollbox/devstack/chain';
import { devContracts } from '@tollbox/devstack/contracts';
import type { Hex, Network } from '@tollbox/payments/domain/networks';
import { eventually } from './stack';

const GAS = '0x1e8480';

async function callUsdc(chain: Chain, from: Hex, functionName: string, args: readonly unknown[]): Promise<void> {
  const abi: Abi = (await devContracts()).DevUsdc.abi;
  const data = encodeFunctionData({ abi, functionName, args });
  // The chain holds the keys of its own accounts and makes a block for every transaction, soon after taking it.
  const hash = await chain.rpc('eth_sendTransaction', [{ from, to: chain.usdc, gas: GAS, data }]);
  const { status } = await eventually(
    `${functionName} is in a block`,
    async () => (await chain.rpc('eth_getTransactionReceipt', [hash])) as { status: string } | null,
  );
  if (status !== '0x1') throw new Error(`${functionName} was reverted`);
}

/** Takes a nonce back on the chain, as USDC lets its holder do. */
export async function cancelAuthorization(chain: Chain, network: Network, payer: PrivateKeyAccount, nonce: Hex): Promise<void> {
  const signature = await payer.signTypedData({
    domain: { ...network.usdcDomain, chainId: network.chainId, verifyingContract: network.usdc },
    types: {
      CancelAuthorization: [
        { name: 'authorizer', type: 'address' },
        { name: 'nonce', type: 'bytes32' },
      ],
    },
    primaryType: 'CancelAuthorization',
    message: { authorizer: payer.address, nonce },
  });
  await callUsdc(chain, payer.address, 'cancelAuthorization', [payer.address, nonce, signature]);
}

/** Sends USDC away from one of the chain's own accounts. */
export async function transferUsdc(chain: Chain, from: Hex, to: Hex, amountAtomic: bigint): Promise<void> {
  await callUsdc(chain, from, 'transfer', [to, amountAtomic]);
}

export interface TransactionOnChain {
  readonly succeeded: boolean;
  /** USDC that the transaction moved; addresses in lower case. */
  readonly transfers: readonly { readonly from: string; readonly to: string; readonly amountAtomic: bigint }[];
}

/** A transaction as the chain has it; null when it has none of this hash. */
export async function receiptOnChain(chain: Chain, hash: string): Promise<TransactionOnChain | null> {
  const receipt = (await chain.rpc('eth_getTransactionReceipt', [hash])) as { status: string; logs: Log[] } | null;
  if (receipt === null) return null;
  const logs = receipt.logs.filter(({ address }) => address.toLowerCase() === chain.usdc.toLowerCase());
  const transfers = parseEventLogs({ abi: erc20Abi, eventName: 'Transfer', logs }).map(({ args }) => ({
    from: args.from.toLowerCase(),
    to: args.to.toLowerCase(),
    amountAtomic: args.value,
  }));
  return { succeeded: receipt.status === '0x1', transfers };
}
