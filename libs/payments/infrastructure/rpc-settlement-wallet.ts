import { parseTransaction } from 'viem';
import { privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts';
import { signEip1559 } from '@tollbox/platform/chain/eip1559';
import { resultOf, type JsonRpc, type RpcAnswer, type RpcCall } from '@tollbox/platform/chain/json-rpc';
import { isNonceDecided } from '@tollbox/platform/chain/node-words';
import type { Config } from '@tollbox/platform/config/config';
import { ChainUnavailableError, type FeeQuote, type MinedTransaction } from '../application/ports/evm-chain';
import type {
  KeyLook,
  LookDepth,
  SettlementWallet,
  SignedTransaction,
  SimulatedBatch,
  Transfer,
  TransferOutlook,
} from '../application/ports/settlement-wallet';
import { MULTICALL3, type Hex, type Network } from '../domain/networks';
import { accountsWithCode, codeSizesCall } from './code-sizes';
import { authorizationStateCall, decodeAggregate3, encodeAggregate3, revertText, type Call } from './multicall';
import { toMinedTransaction } from './receipts';
import { areAllPayable, transferReads } from './transfer-reads';
import { transferCallData } from './transfer-call';

export interface SettlementGas {
  /** Limit of a transfer that goes alone, a payer's own code included. */
  readonly singleLimit: bigint;
  /** Limit of each transfer in a batch. */
  readonly perTransfer: bigint;
  /** Limit of a whole batch. */
  readonly batchLimit: bigint;
}

export const settlementGas = (
  config: Pick<Config, 'SETTLEMENT_GAS_LIMIT' | 'SETTLEMENT_GAS_PER_PAYMENT' | 'SETTLEMENT_BATCH_GAS_LIMIT'>,
): SettlementGas => ({
  singleLimit: BigInt(config.SETTLEMENT_GAS_LIMIT),
  perTransfer: BigInt(config.SETTLEMENT_GAS_PER_PAYMENT),
  batchLimit: BigInt(config.SETTLEMENT_BATCH_GAS_LIMIT),
});

/** Wei per gas offered to the block builder. Base's own floor is far lower. */
const PRIORITY_FEE_PER_GAS_WEI = 1_000_000n;
/** What a batch uses beside its transfers. */
const BATCH_OVERHEAD_GAS = 100_000n;
const FILLER_GAS = 21_000n;
const hex = (value: bigint): Hex => `0x${value.toString(16)}`;

interface Content {
  readonly to: Hex;
  readonly data: Hex;
  readonly gasLimit: bigint;
}

/** One settlement key in this process's memory, and what a node says of it. */
export class RpcSettlementWallet implements SettlementWallet {
  private readonly account: PrivateKeyAccount;
  readonly address: Hex;

  constructor(
    private readonly rpc: JsonRpc,
    private readonly network: Network,
    privateKey: Hex,
    private readonly gas: SettlementGas,
  ) {
    this.account = privateKeyToAccount(privateKey);
    this.address = this.account.address.toLowerCase() as Hex;
  }

  async look(): Promise<KeyLook> {
    return this.toLook(await this.rpc.ask(this.lookCalls()));
  }

  async simulate(transfers: readonly Transfer[], depth: LookDepth): Promise<SimulatedBatch> {
    if (depth === 'reads' && transfers.length > 1) {
      const seen = await this.read(transfers);
      if (seen !== null) return seen;
    }
    return this.execute(transfers);
  }

  /** Null when anything speaks against a transfer, or the token does not answer as the real one does. */
  private async read(transfers: readonly Transfer[]): Promise<SimulatedBatch | null> {
    const payers = [...new Set(transfers.map(({ authorization }) => authorization.from))];
    const call = {
      method: 'eth_call',
      params: [{ to: MULTICALL3, data: encodeAggregate3(transferReads(this.network.usdc, transfers)) }, 'latest'],
    };
    const [answer, sizes, ...looked] = await this.rpc.ask([call, codeSizesCall(payers), ...this.lookCalls()]);
    const look = this.toLook(looked);
    const withCode = accountsWithCode(payers, resultOf(sizes, 'eth_call'));
    if (withCode.length > 0) return { look, withCode, outlooks: null };
    if (answer?.kind !== 'result' || !areAllPayable(transfers, answer.result)) return null;
    return { look, withCode, outlooks: transfers.map(() => ({ kind: 'payable' })) };
  }

  private async execute(transfers: readonly Transfer[]): Promise<SimulatedBatch> {
    const states = transfers.map(({ authorization }) => ({
      target: this.network.usdc,
      callData: authorizationStateCall(authorization.from, authorization.nonce),
    }));
    const data = encodeAggregate3([...states, ...this.transferCalls(transfers)]);
    const gas = hex(this.batchGas(transfers.length));
    const simulation = { method: 'eth_call', params: [{ from: this.address, to: MULTICALL3, data, gas }, 'latest'] };
    const payers = [...new Set(transfers.map(({ authorization }) => authorization.from))];
    const [simulated, sizes, ...looked] = await this.rpc.ask([simulation, codeSizesCall(payers), ...this.lookCalls()]);
    const look = this.toLook(looked);
    const withCode = accountsWithCode(payers, resultOf(sizes, 'eth_call'));
    if (simulated?.kind !== 'result' || withCode.length > 0) return { look, withCode, outlooks: null };
    return { look, withCode, outlooks: toOutlooks(simulated.result as Hex, transfers.length) };
  }

  signTransfers(transfers: readonly Transfer[], evmNonce: bigint, fees: FeeQuote): Promise<SignedTransaction> {
    const calls = this.transferCalls(transfers);
    const [only] = calls;
    if (only === undefined) throw new Error('a settlement transaction without transfers');
    const content: Content =
      calls.length === 1
        ? { to: only.target, data: only.callData, gasLimit: this.gas.singleLimit }
        : { to: MULTICALL3, data: encodeAggregate3(calls), gasLimit: this.batchGas(calls.length) };
    return this.sign(content, evmNonce, fees);
  }

  signReplacement(raw: Hex, fees: FeeQuote): Promise<SignedTransaction> {
    const { to, data, gas, nonce = 0 } = parseTransaction(raw);
    if (to == null || gas === undefined) throw new Error('stored bytes are not a settlement transaction');
    return this.sign({ to, data: data ?? '0x', gasLimit: gas }, BigInt(nonce), fees);
  }

  signFiller(evmNonce: bigint, fees: FeeQuote): Promise<SignedTransaction> {
    return this.sign({ to: this.address, data: '0x', gasLimit: FILLER_GAS }, evmNonce, fees);
  }

  async send(raws: readonly Hex[]): Promise<void> {
    const answers = await this.rpc.ask(raws.map((raw) => ({ method: 'eth_sendRawTransaction', params: [raw] })));
    const refused = answers.find((answer) => answer.kind === 'error' && !isNonceDecided(answer.message));
    if (refused?.kind === 'error') throw new ChainUnavailableError(`eth_sendRawTransaction failed: ${refused.message}`);
  }

  async receipts(hashes: readonly Hex[]): Promise<readonly (MinedTransaction | null)[]> {
    const answers = await this.rpc.ask(hashes.map((hash) => ({ method: 'eth_getTransactionReceipt', params: [hash] })));
    return answers.map((answer) => toMinedTransaction(resultOf(answer, 'eth_getTransactionReceipt'), this.network.usdc));
  }

  async isAnyInBlock(hashes: readonly Hex[]): Promise<boolean> {
    const answers = await this.rpc.ask(hashes.map((hash) => ({ method: 'eth_getTransactionByHash', params: [hash] })));
    return answers.some((answer) => {
      const transaction = resultOf(answer, 'eth_getTransactionByHash') as { blockHash?: string | null } | null;
      return transaction?.blockHash != null;
    });
  }

  private transferCalls(transfers: readonly Transfer[]): Call[] {
    return transfers.map(({ authorization, signature }) => ({
      target: this.network.usdc,
      callData: transferCallData(authorization, signature),
    }));
  }

  private batchGas(transfers: number): bigint {
    const wanted = BATCH_OVERHEAD_GAS + BigInt(transfers) * this.gas.perTransfer;
    return wanted < this.gas.batchLimit ? wanted : this.gas.batchLimit;
  }

  private lookCalls(): RpcCall[] {
    return [
      { method: 'eth_getBlockByNumber', params: ['latest', false] },
      { method: 'eth_getTransactionCount', params: [this.address, 'latest'] },
      { method: 'eth_getTransactionCount', params: [this.address, 'pending'] },
    ];
  }

  /** Twice the base fee outlives six full blocks in a row. */
  private toLook([block, mined, pending]: readonly RpcAnswer[]): KeyLook {
    const head = resultOf(block, 'eth_getBlockByNumber') as { number: Hex; baseFeePerGas?: string } | null;
    if (head === null) throw new ChainUnavailableError('the node has no newest block');
    const maxFeePerGasWei = BigInt(head.baseFeePerGas ?? 0) * 2n + PRIORITY_FEE_PER_GAS_WEI;
    return {
      fees: { maxFeePerGasWei, maxPriorityFeePerGasWei: PRIORITY_FEE_PER_GAS_WEI },
      blockNumber: BigInt(head.number),
      minedNonce: BigInt(resultOf(mined, 'eth_getTransactionCount') as Hex),
      pendingNonce: BigInt(resultOf(pending, 'eth_getTransactionCount') as Hex),
    };
  }

  private async sign({ to, data, gasLimit }: Content, evmNonce: bigint, fees: FeeQuote): Promise<SignedTransaction> {
    const signed = await signEip1559(this.account, {
      chainId: this.network.chainId,
      nonce: evmNonce,
      maxPriorityFeePerGas: fees.maxPriorityFeePerGasWei,
      maxFeePerGas: fees.maxFeePerGasWei,
      gas: gasLimit,
      to,
      value: 0n,
      data,
    });
    return { ...signed, gasLimit, fees };
  }
}

/** First the state of every authorization, then every transfer. */
function toOutlooks(answer: Hex, transfers: number): TransferOutlook[] {
  const results = decodeAggregate3(answer);
  if (results.length !== transfers * 2) throw new ChainUnavailableError('Multicall3 answered for other calls');
  return results.slice(transfers).map((moved, index): TransferOutlook => {
    const state = results[index];
    if (state?.success !== true) throw new ChainUnavailableError('the token does not tell the state of an authorization');
    if (BigInt(state.returnData) === 1n) return { kind: 'used' };
    return moved.success
      ? { kind: 'payable' }
      : { kind: 'refused', reason: revertText(moved.returnData) || 'execution reverted' };
  });
}
