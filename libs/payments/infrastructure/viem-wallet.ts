import { keccak256, BaseError } from 'viem';
import { privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts';
import type { FeeQuote, SettlementWallet, SignedTransaction } from '../application/ports/evm-chain';
import type { Authorization } from '../domain/authorization';
import type { Hex, Network } from '../domain/networks';
import { transferCallData } from './transfer-call';
import { unavailable, type ViemChain } from './viem-chain';

/** Wei per gas offered to the block builder. Base's own floor is far lower. */
const PRIORITY_FEE_PER_GAS_WEI = 1_000_000n;

/** One settlement key in this process's memory. */
export class ViemSettlementWallet implements SettlementWallet {
  private readonly account: PrivateKeyAccount;
  readonly address: Hex;

  constructor(
    private readonly chain: ViemChain,
    private readonly network: Network,
    privateKey: Hex,
  ) {
    this.account = privateKeyToAccount(privateKey);
    this.address = this.account.address.toLowerCase() as Hex;
  }

  async minedNonce(): Promise<bigint> {
    return this.nonceAt('latest');
  }

  async pendingNonce(): Promise<bigint> {
    return this.nonceAt('pending');
  }

  private async nonceAt(blockTag: 'latest' | 'pending'): Promise<bigint> {
    try {
      return BigInt(await this.chain.client.getTransactionCount({ address: this.address, blockTag }));
    } catch (error) {
      throw unavailable('eth_getTransactionCount', error);
    }
  }

  /** Twice the base fee outlives six full blocks in a row. */
  async fees(): Promise<FeeQuote> {
    try {
      const block = await this.chain.client.getBlock({ blockTag: 'latest' });
      const baseFeeWei = block.baseFeePerGas ?? 0n;
      return { maxFeePerGasWei: baseFeeWei * 2n + PRIORITY_FEE_PER_GAS_WEI, maxPriorityFeePerGasWei: PRIORITY_FEE_PER_GAS_WEI };
    } catch (error) {
      throw unavailable('eth_getBlockByNumber', error);
    }
  }

  async signTransfer(
    authorization: Authorization,
    signature: Hex,
    evmNonce: bigint,
    gas: bigint,
    fees: FeeQuote,
  ): Promise<SignedTransaction> {
    const raw = await this.account.signTransaction({
      type: 'eip1559',
      chainId: this.network.chainId,
      to: this.network.usdc,
      data: transferCallData(authorization, signature),
      nonce: Number(evmNonce),
      gas,
      maxFeePerGas: fees.maxFeePerGasWei,
      maxPriorityFeePerGas: fees.maxPriorityFeePerGasWei,
    });
    return { raw, hash: keccak256(raw) };
  }

  async send(raw: Hex): Promise<void> {
    try {
      await this.chain.client.sendRawTransaction({ serializedTransaction: raw });
    } catch (error) {
      if (isAlreadyKnown(error)) return;
      throw unavailable('eth_sendRawTransaction', error);
    }
  }
}

/** The node has these very bytes already, in its pool or in a block. */
function isAlreadyKnown(error: unknown): boolean {
  if (!(error instanceof BaseError)) return false;
  return /already known|already imported|known transaction/i.test(`${error.details} ${error.shortMessage}`);
}
