import {
  BaseError,
  createPublicClient,
  encodeFunctionData,
  erc20Abi,
  http,
  parseTransaction,
  parseEventLogs,
  TransactionReceiptNotFoundError,
  type PublicClient,
} from 'viem';
import { privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts';
import { signEip1559 } from '@tollbox/platform/chain/eip1559';
import { isNonceDecided } from '@tollbox/platform/chain/node-words';
import { askNode, blockHashOf, isRevert, unavailable } from '@tollbox/platform/chain/viem-calls';
import type { Network } from '@tollbox/platform/config/networks';
import type { FeeQuote, Hex, MinedTransfer, RefundWallet, SignedTransfer, Transfer } from '../application/ports/refund-wallet';

/** Wei per gas offered to the block builder. */
const PRIORITY_FEE_PER_GAS_WEI = 1_000_000n;

export interface ViemRefundWalletOptions {
  readonly network: Network;
  readonly rpcUrl: string;
  readonly timeoutMs: number;
  readonly privateKey: Hex;
}

/** The refund key in this process's memory, over JSON-RPC. */
export class ViemRefundWallet implements RefundWallet {
  private readonly account: PrivateKeyAccount;
  private readonly client: PublicClient;
  readonly address: Hex;

  constructor(private readonly options: ViemRefundWalletOptions) {
    this.account = privateKeyToAccount(options.privateKey);
    this.address = this.account.address.toLowerCase() as Hex;
    this.client = createPublicClient({
      transport: http(options.rpcUrl, { timeout: options.timeoutMs, retryCount: 1, retryDelay: 100 }),
      cacheTime: 0,
    });
  }

  funds(): Promise<{ usdcAtomic: bigint; ethWei: bigint }> {
    return askNode('reading the refund wallet', async () => {
      const [usdcAtomic, ethWei] = await Promise.all([
        this.client.readContract({
          abi: erc20Abi,
          address: this.options.network.usdc,
          functionName: 'balanceOf',
          args: [this.address],
        }),
        this.client.getBalance({ address: this.address }),
      ]);
      return { usdcAtomic, ethWei };
    });
  }

  /** Twice the base fee outlives six full blocks in a row. */
  fees(): Promise<FeeQuote> {
    return askNode('eth_getBlockByNumber', async () => {
      const { baseFeePerGas } = await this.client.getBlock({ blockTag: 'latest' });
      const maxFeePerGasWei = (baseFeePerGas ?? 0n) * 2n + PRIORITY_FEE_PER_GAS_WEI;
      return { maxFeePerGasWei, maxPriorityFeePerGasWei: PRIORITY_FEE_PER_GAS_WEI };
    });
  }

  minedNonce(depth: number): Promise<bigint> {
    return askNode('eth_getTransactionCount', async () => {
      const { address } = this;
      if (depth === 0) return BigInt(await this.client.getTransactionCount({ address, blockTag: 'latest' }));
      const latest = await this.client.getBlockNumber({ cacheTime: 0 });
      if (latest < BigInt(depth)) return 0n;
      return BigInt(await this.client.getTransactionCount({ address, blockNumber: latest - BigInt(depth) }));
    });
  }

  async refusalOf(transfer: Transfer): Promise<string | null> {
    try {
      await this.client.call({ account: this.address, to: this.options.network.usdc, data: callData(transfer) });
      return null;
    } catch (error) {
      const reverted = error instanceof BaseError && error.walk(isRevert) !== null;
      if (!reverted) throw unavailable('eth_call', error);
      return `the token refuses the transfer: ${error.details.replace(/^execution reverted:?\s*/i, '') || 'reverted'}`;
    }
  }

  sign(transfer: Transfer, evmNonce: bigint, gas: bigint, fees: FeeQuote): Promise<SignedTransfer> {
    return signEip1559(this.account, {
      chainId: this.options.network.chainId,
      nonce: evmNonce,
      maxPriorityFeePerGas: fees.maxPriorityFeePerGasWei,
      maxFeePerGas: fees.maxFeePerGasWei,
      gas,
      to: this.options.network.usdc,
      value: 0n,
      data: callData(transfer),
    });
  }

  feesOf(raw: Hex): FeeQuote {
    const { maxFeePerGas = 0n, maxPriorityFeePerGas = 0n } = parseTransaction(raw);
    return { maxFeePerGasWei: maxFeePerGas, maxPriorityFeePerGasWei: maxPriorityFeePerGas };
  }

  async send(raw: Hex): Promise<void> {
    try {
      await this.client.sendRawTransaction({ serializedTransaction: raw });
    } catch (error) {
      if (error instanceof BaseError && isNonceDecided(`${error.details} ${error.shortMessage}`)) return;
      throw unavailable('eth_sendRawTransaction', error);
    }
  }

  mined(hash: Hex, transfer: Transfer): Promise<MinedTransfer | null> {
    return askNode('eth_getTransactionReceipt', async () => {
      const receipt = await this.client.getTransactionReceipt({ hash }).catch((error: unknown) => {
        if (error instanceof TransactionReceiptNotFoundError) return null;
        throw error;
      });
      if (receipt === null) return null;
      const succeeded = receipt.status === 'success';
      const moved = parseEventLogs({ abi: erc20Abi, logs: receipt.logs, eventName: 'Transfer', strict: true }).some(
        ({ address, args }) =>
          address.toLowerCase() === this.options.network.usdc &&
          args.from.toLowerCase() === this.address &&
          args.to.toLowerCase() === transfer.to &&
          args.value === transfer.amountAtomic,
      );
      if (succeeded && !moved) throw new Error(`transaction ${hash} succeeded and moved nothing to ${transfer.to}`);
      // A revert ends the refund, and what is believed to have failed is paid again: a receipt alone does not prove it.
      if (!succeeded && (await this.isTransferLogged(hash, receipt.blockNumber)))
        throw new Error(`the node calls transaction ${hash} reverted and has its transfer`);
      return {
        succeeded,
        blockNumber: receipt.blockNumber,
        blockHash: receipt.blockHash,
        gasUsed: receipt.gasUsed,
        effectiveGasPriceWei: receipt.effectiveGasPrice,
      };
    });
  }

  latestBlockNumber(): Promise<bigint> {
    return askNode('eth_blockNumber', () => this.client.getBlockNumber({ cacheTime: 0 }));
  }

  blockHash(blockNumber: bigint): Promise<Hex | null> {
    return blockHashOf(this.client, blockNumber);
  }

  private async isTransferLogged(hash: Hex, blockNumber: bigint): Promise<boolean> {
    const logs = await this.client.getContractEvents({
      ...{ abi: erc20Abi, address: this.options.network.usdc, eventName: 'Transfer', args: { from: this.address } },
      ...{ fromBlock: blockNumber, toBlock: blockNumber },
    });
    return logs.some(({ transactionHash }) => transactionHash === hash);
  }
}

const callData = ({ to, amountAtomic }: Transfer): Hex =>
  encodeFunctionData({ abi: erc20Abi, functionName: 'transfer', args: [to, amountAtomic] });
