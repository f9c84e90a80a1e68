import {
  BaseError,
  createPublicClient,
  encodeFunctionData,
  http,
  parseEventLogs,
  TransactionReceiptNotFoundError,
  type Chain,
  type Log,
  type PublicClient,
} from 'viem';
import { base, baseSepolia } from 'viem/chains';
import { JsonRpc } from '@tollbox/platform/chain/json-rpc';
import { askNode, blockHashOf, isRevert, unavailable } from '@tollbox/platform/chain/viem-calls';
import type {
  AuthorizationUse,
  AuthorizedTransfer,
  Confirmations,
  EvmChain,
  MinedTransaction,
  PayerSnapshot,
  SimulatedSender,
  Simulation,
} from '../application/ports/evm-chain';
import type { Authorization } from '../domain/authorization';
import { type Hex, type Network } from '../domain/networks';
import { PayerReads } from './payer-reads';
import { transferCallData } from './transfer-call';
import { eip1271Abi, EIP1271_MAGIC_VALUE, usdcAbi } from './usdc-abi';

export interface ViemChainOptions {
  readonly network: Network;
  readonly rpcUrl: string;
  readonly timeoutMs: number;
  readonly eip1271GasCap: bigint;
  readonly nowMs: () => number;
}

/** The chain over JSON-RPC. A failed call is always ChainUnavailableError, never an answer. */
export class ViemChain implements EvmChain {
  readonly client: PublicClient;
  private readonly reads: PayerReads;

  constructor(private readonly options: ViemChainOptions) {
    const chain: Chain = options.network.name === 'base' ? base : baseSepolia;
    this.client = createPublicClient({
      chain,
      transport: http(options.rpcUrl, { timeout: options.timeoutMs, retryCount: 1, retryDelay: 100 }),
      cacheTime: 0,
    });
    const { rpcUrl: url, timeoutMs } = options;
    this.reads = new PayerReads(new JsonRpc(url, timeoutMs), options.network.usdc, options.nowMs);
  }

  chainId(): Promise<number> {
    return askNode('eth_chainId', () => this.client.getChainId());
  }

  /** What the node calls itself, for example `anvil/v1.7.1`; empty when it does not say. */
  clientVersion(): Promise<string> {
    return this.client.request({ method: 'web3_clientVersion' }).then(
      (version) => version,
      () => '',
    );
  }

  payerSnapshot(payer: Hex, nonces: readonly Hex[]): Promise<PayerSnapshot> {
    return askNode('payer snapshot', () => this.reads.snapshot(payer, nonces));
  }

  hasCode(account: Hex): Promise<boolean> {
    return askNode('eth_getCode', () => this.reads.hasCode(account));
  }

  async isValidContractSignature(account: Hex, digest: Uint8Array, signature: Hex): Promise<boolean> {
    const hash: Hex = `0x${Buffer.from(digest).toString('hex')}`;
    const data = encodeFunctionData({ abi: eip1271Abi, functionName: 'isValidSignature', args: [hash, signature] });
    const answer = await this.callOrRevert({ to: account, data, gas: this.options.eip1271GasCap });
    return answer.kind === 'ok' && answer.data.slice(0, 10) === EIP1271_MAGIC_VALUE;
  }

  async simulateTransfer(authorization: Authorization, signature: Hex, as: SimulatedSender): Promise<Simulation> {
    const outcome = await this.callOrRevert({
      account: as.from,
      to: this.options.network.usdc,
      data: transferCallData(authorization, signature),
      gas: as.gasLimit,
      maxFeePerGas: as.fees.maxFeePerGasWei,
      maxPriorityFeePerGas: as.fees.maxPriorityFeePerGasWei,
    });
    return outcome.kind === 'ok' ? { kind: 'ok', reason: '' } : outcome;
  }

  async findAuthorizationUse(payer: Hex, nonce: Hex, fromBlock: bigint): Promise<AuthorizationUse | null> {
    const { usdc } = this.options.network;
    return askNode('eth_getLogs', async () => {
      const range = { address: usdc, fromBlock, toBlock: 'latest' as const, strict: true as const };
      const args = { authorizer: payer, nonce };
      const [used, canceled] = await Promise.all([
        this.client.getContractEvents({ ...range, abi: usdcAbi, eventName: 'AuthorizationUsed', args }),
        this.client.getContractEvents({ ...range, abi: usdcAbi, eventName: 'AuthorizationCanceled', args }),
      ]);
      const log = used[0] ?? canceled[0];
      if (log === undefined) return null;
      const common = { transactionHash: log.transactionHash, blockNumber: log.blockNumber, blockHash: log.blockHash };
      if (used[0] === undefined) return { ...common, kind: 'canceled', transfer: null };
      const receipt = await this.client.getTransactionReceipt({ hash: log.transactionHash });
      const transfer = authorizedTransfers(receipt.logs, usdc).find((one) => one.authorizer === payer && one.nonce === nonce);
      if (transfer === undefined) throw new Error(`transaction ${log.transactionHash} used the authorization and moved nothing`);
      return { ...common, kind: 'transferred', transfer: { to: transfer.to, valueAtomic: transfer.valueAtomic } };
    });
  }

  minedTransaction(hash: Hex): Promise<MinedTransaction | null> {
    return askNode('eth_getTransactionReceipt', async () => {
      try {
        const receipt = await this.client.getTransactionReceipt({ hash });
        return {
          succeeded: receipt.status === 'success',
          blockNumber: receipt.blockNumber,
          blockHash: receipt.blockHash,
          gasUsed: receipt.gasUsed,
          effectiveGasPriceWei: receipt.effectiveGasPrice,
          feeWei: receipt.gasUsed * receipt.effectiveGasPrice,
          transfers: authorizedTransfers(receipt.logs, this.options.network.usdc),
        };
      } catch (error) {
        if (error instanceof TransactionReceiptNotFoundError) return null;
        throw error;
      }
    });
  }

  blockHash(blockNumber: bigint): Promise<Hex | null> {
    return blockHashOf(this.client, blockNumber);
  }

  latestBlockNumber(): Promise<bigint> {
    return askNode('eth_blockNumber', () => this.client.getBlockNumber({ cacheTime: 0 }));
  }

  blockNumberAt(tag: Confirmations): Promise<bigint> {
    return askNode('eth_getBlockByNumber', async () => {
      const block = await this.client.request({ method: 'eth_getBlockByNumber', params: [tag, false] });
      return block?.number == null ? 0n : BigInt(block.number);
    });
  }

  private async callOrRevert(call: {
    account?: Hex;
    to: Hex;
    data: Hex;
    gas: bigint;
    maxFeePerGas?: bigint;
    maxPriorityFeePerGas?: bigint;
  }): Promise<{ kind: 'ok'; data: Hex } | { kind: 'reverted'; reason: string }> {
    try {
      const answer = await this.client.call(call);
      return { kind: 'ok', data: answer.data ?? '0x' };
    } catch (error) {
      const reason = revertReason(error);
      if (reason === null) throw unavailable('eth_call', error);
      return { kind: 'reverted', reason };
    }
  }
}

/** The token emits AuthorizationUsed and directly after it the Transfer of the same authorization. */
function authorizedTransfers(logs: readonly Log<bigint, number, false>[], usdc: Hex): AuthorizedTransfer[] {
  const events = parseEventLogs({ abi: usdcAbi, logs: [...logs], strict: true }).filter(
    (event) => event.address.toLowerCase() === usdc,
  );
  return events.flatMap((event, index) => {
    const next = events[index + 1];
    if (event.eventName !== 'AuthorizationUsed' || next?.eventName !== 'Transfer') return [];
    return [
      {
        authorizer: event.args.authorizer.toLowerCase() as Hex,
        nonce: event.args.nonce,
        to: next.args.to.toLowerCase() as Hex,
        valueAtomic: next.args.value,
      },
    ];
  });
}

/** The revert text when the chain executed the call and refused it; null when the chain did not answer. */
function revertReason(error: unknown): string | null {
  if (!(error instanceof BaseError)) return null;
  if (error.walk(isOutOfGas) !== null) return 'out of gas';
  const reverted = error.walk(isRevert);
  if (reverted === null) return null;
  const details = (reverted as { details?: string; message: string }).details ?? reverted.message;
  return (
    details
      .replace(/^execution reverted:?\s*/i, '')
      .replace(/^revert:?\s*/i, '')
      .trim() || 'execution reverted'
  );
}

/** The node ran the call and its gas was not enough. Nodes have no common code for it. */
function isOutOfGas(cause: unknown): boolean {
  if (typeof cause !== 'object' || cause === null || !('code' in cause) || typeof cause.code !== 'number') return false;
  const { details, message } = cause as { details?: unknown; message?: unknown };
  return /out ?of ?gas|OOG\b/i.test(typeof details === 'string' ? details : String(message));
}
