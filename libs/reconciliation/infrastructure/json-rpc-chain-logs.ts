import { RpcRefusedError } from '@tollbox/platform/chain/chain-unavailable';
import type { JsonRpc } from '@tollbox/platform/chain/json-rpc';
import type { BlockPlace, ChainLogs } from '../application/ports/chain-logs';
import type { Hex } from '../domain/hex';
import type { ChainTransfer } from '../domain/receipt';

const TRANSFER = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef';
const AUTHORIZATION_USED = '0x98de503528ee59b575ef0c0a2576a82497bfc029a5685b209e9ec333479b10a5';
const BALANCE_OF = '0x70a08231';
/** Payers that one filter names; nodes bound the length of a list of topics. */
const MAX_TOPICS = 200;

export interface LogsOptions {
  readonly usdc: Hex;
  readonly payTo: Hex;
  /** How far behind the newest block a block counts as confirmed. */
  readonly confirmation: 'latest' | 'safe' | 'finalized';
  /** Blocks that one call asks for; halved when the node refuses. */
  readonly blockRange: number;
}

interface Log {
  readonly topics: readonly Hex[];
  readonly data: Hex;
  readonly blockNumber: Hex;
  readonly blockHash: Hex;
  readonly transactionHash: Hex;
  readonly logIndex: Hex;
  readonly removed?: boolean;
}

const quantity = (value: bigint): Hex => `0x${value.toString(16)}`;
const topicOf = (address: Hex): Hex => `0x${address.slice(2).padStart(64, '0')}`;
const addressOf = (topic: Hex | undefined): Hex => `0x${(topic ?? '').slice(26).toLowerCase()}`;

/** Logs of USDC over JSON-RPC, in bounded ranges of blocks. */
export class JsonRpcChainLogs implements ChainLogs {
  constructor(
    private readonly rpc: JsonRpc,
    private readonly options: LogsOptions,
  ) {}

  async head(): Promise<BlockPlace> {
    const block = await this.block(this.options.confirmation);
    if (block === null) throw new Error(`the node knows no ${this.options.confirmation} block`);
    return { number: BigInt(block.number), hash: block.hash };
  }

  async blockHash(blockNumber: bigint): Promise<Hex | null> {
    return (await this.block(quantity(blockNumber)))?.hash ?? null;
  }

  async *transfers(fromBlock: bigint, toBlock: bigint): AsyncIterable<readonly ChainTransfer[]> {
    let range = BigInt(this.options.blockRange);
    for (let from = fromBlock; from <= toBlock;) {
      const to = from + range - 1n < toBlock ? from + range - 1n : toBlock;
      try {
        yield await this.transfersOf(from, to);
        from = to + 1n;
      } catch (error) {
        // Nodes refuse a range with too many logs, each in its own words. A smaller one is all that can help.
        if (!(error instanceof RpcRefusedError) || to === from) throw error;
        range = (to - from + 1n) / 2n;
      }
    }
  }

  async balanceAtomic(blockNumber: bigint): Promise<bigint> {
    const data = `${BALANCE_OF}${topicOf(this.options.payTo).slice(2)}`;
    const answer = await this.rpc.one('eth_call', [{ to: this.options.usdc, data }, quantity(blockNumber)]);
    if (typeof answer !== 'string' || !/^0x[0-9a-f]{64}$/i.test(answer))
      throw new Error('the token does not say what payTo holds');
    return BigInt(answer);
  }

  async balanceWei(wallet: Hex, blockNumber: bigint): Promise<bigint> {
    return BigInt((await this.rpc.one('eth_getBalance', [wallet, quantity(blockNumber)])) as Hex);
  }

  private block(tag: string): Promise<{ number: Hex; hash: Hex } | null> {
    return this.rpc.one('eth_getBlockByNumber', [tag, false]) as Promise<{ number: Hex; hash: Hex } | null>;
  }

  private async transfersOf(from: bigint, to: bigint): Promise<readonly ChainTransfer[]> {
    const self = topicOf(this.options.payTo);
    const [received, sent] = await Promise.all([
      this.logs(from, to, [TRANSFER, null, self]),
      this.logs(from, to, [TRANSFER, self]),
    ]);
    // One to itself moves nothing, and neither does one of nothing.
    const logs = [...received, ...sent].filter((log) => log.topics[1] !== log.topics[2] && BigInt(log.data) > 0n);
    const nonces = await this.nonces(from, to, received);
    return logs
      .map((log): ChainTransfer => {
        const logIndex = Number(BigInt(log.logIndex));
        return {
          transactionHash: log.transactionHash,
          logIndex,
          blockNumber: BigInt(log.blockNumber),
          blockHash: log.blockHash,
          from: addressOf(log.topics[1]),
          to: addressOf(log.topics[2]),
          valueAtomic: BigInt(log.data),
          // The token tells of the authorization directly before the transfer that it allows.
          nonce: nonces.get(placeOf(log.blockHash, logIndex - 1, addressOf(log.topics[1]))) ?? null,
        };
      })
      .sort((a, b) => Number(a.blockNumber - b.blockNumber) || a.logIndex - b.logIndex);
  }

  /** Nonces of authorizations by place and payer, asked for the wallets that paid. */
  private async nonces(from: bigint, to: bigint, received: readonly Log[]): Promise<ReadonlyMap<string, Hex>> {
    const payers = [...new Set(received.flatMap(({ topics }) => (topics[1] === undefined ? [] : [topics[1]])))];
    const nonces = new Map<string, Hex>();
    for (let start = 0; start < payers.length; start += MAX_TOPICS) {
      for (const log of await this.logs(from, to, [AUTHORIZATION_USED, payers.slice(start, start + MAX_TOPICS)])) {
        const nonce = log.topics[2];
        if (nonce !== undefined)
          nonces.set(placeOf(log.blockHash, Number(BigInt(log.logIndex)), addressOf(log.topics[1])), nonce.toLowerCase() as Hex);
      }
    }
    return nonces;
  }

  private async logs(from: bigint, to: bigint, topics: readonly (Hex | readonly Hex[] | null)[]): Promise<readonly Log[]> {
    const filter = { address: this.options.usdc, fromBlock: quantity(from), toBlock: quantity(to), topics };
    return ((await this.rpc.one('eth_getLogs', [filter])) as readonly Log[]).filter(({ removed }) => removed !== true);
  }
}

const placeOf = (blockHash: Hex, logIndex: number, payer: Hex): string => `${blockHash} ${logIndex} ${payer}`;
