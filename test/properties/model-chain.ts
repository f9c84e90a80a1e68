/**
 * A chain small enough to run a hundred thousand times: blocks with their state, a pool of transactions, lost blocks. It
 * knows USDC's rules of an authorization: used once, in its time, within the balance.
 */
import type {
  AuthorizationUse,
  AuthorizedTransfer,
  FeeQuote,
  MinedTransaction,
} from '@tollbox/payments/application/ports/evm-chain';
import type { Authorization } from '@tollbox/payments/domain/authorization';
import type { Hex } from '@tollbox/payments/domain/networks';

export interface ModelTransaction {
  readonly hash: Hex;
  readonly sender: Hex;
  readonly nonce: bigint;
  readonly fees: FeeQuote;
  /** One alone reverts the transaction when it fails; several are tried one by one. */
  readonly transfers: readonly Authorization[];
}

interface State {
  readonly balances: Map<Hex, bigint>;
  readonly uses: Map<string, AuthorizationUse>;
  readonly senderNonces: Map<Hex, bigint>;
}

interface Block {
  readonly number: bigint;
  readonly hash: Hex;
  readonly timestampS: bigint;
  readonly mined: ReadonlyMap<Hex, MinedTransaction>;
  readonly transactions: readonly ModelTransaction[];
  readonly state: State;
}

const GAS_PER_TRANSFER = 50_000n;
export const BLOCK_TIME_S = 2n;
const useKey = (payer: Hex, nonce: Hex): string => `${payer}:${nonce}`;

export class ModelChain {
  private readonly blocks: Block[];
  /** By hash; an insertion order that the seed decides is the order of mining. */
  readonly pool = new Map<Hex, ModelTransaction>();
  private hashes = 0;
  /** Transactions that are none of ours. */
  readonly submittedByPayers = new Set<Hex>();
  /** Highest block that was lost; while the chain is not past it, nodes prove nothing of what was there. */
  highestLost = 0n;

  constructor(
    readonly payTo: Hex,
    balances: ReadonlyMap<Hex, bigint>,
    timestampS: bigint,
  ) {
    const state = { balances: new Map(balances), uses: new Map(), senderNonces: new Map() };
    this.blocks = [{ number: 100n, hash: this.newHash(), timestampS, mined: new Map(), transactions: [], state }];
  }

  newHash(): Hex {
    return `0x${(++this.hashes).toString(16).padStart(64, '0')}`;
  }

  get head(): Block {
    const head = this.blocks.at(-1);
    if (head === undefined) throw new Error('the chain has no block');
    return head;
  }

  balanceOf(account: Hex): bigint {
    return this.head.state.balances.get(account) ?? 0n;
  }

  use(payer: Hex, nonce: Hex): AuthorizationUse | null {
    return this.head.state.uses.get(useKey(payer, nonce)) ?? null;
  }

  block(number: bigint): Block | null {
    return this.blocks.find((block) => block.number === number) ?? null;
  }

  mined(hash: Hex): MinedTransaction | null {
    for (const block of this.blocks) {
      const mined = block.mined.get(hash);
      if (mined !== undefined) return mined;
    }
    return null;
  }

  minedNonce(sender: Hex): bigint {
    return this.head.state.senderNonces.get(sender) ?? 0n;
  }

  pendingNonce(sender: Hex): bigint {
    let nonce = this.minedNonce(sender);
    const waiting = new Set([...this.pool.values()].filter((one) => one.sender === sender).map((one) => one.nonce));
    while (waiting.has(nonce)) nonce += 1n;
    return nonce;
  }

  /** The node takes a transaction: one of a nonce, the better paid. False when the nonce is used. */
  submit(transaction: ModelTransaction): boolean {
    if (transaction.nonce < this.minedNonce(transaction.sender)) return false;
    for (const [hash, other] of this.pool) {
      if (other.sender !== transaction.sender || other.nonce !== transaction.nonce) continue;
      if (other.fees.maxFeePerGasWei >= transaction.fees.maxFeePerGasWei) return true;
      this.pool.delete(hash);
    }
    this.pool.set(transaction.hash, transaction);
    return true;
  }

  /** A block with all transactions of the pool whose nonce is next. */
  mine(elapsedS = BLOCK_TIME_S): void {
    const next = this.nextBlock(elapsedS);
    for (;;) {
      const ready = [...this.pool.values()].find((one) => one.nonce === (next.state.senderNonces.get(one.sender) ?? 0n));
      if (ready === undefined) break;
      this.pool.delete(ready.hash);
      next.state.senderNonces.set(ready.sender, ready.nonce + 1n);
      next.mined.set(ready.hash, this.execute(ready, next));
      next.transactions.push(ready);
    }
    this.blocks.push(next);
  }

  /** The newest blocks are gone. Their transactions wait again, or the network has forgotten them. */
  loseBlocks(count: number, forgotten: boolean): void {
    const lost = this.blocks.splice(Math.max(1, this.blocks.length - count));
    for (const { number } of lost) if (number > this.highestLost) this.highestLost = number;
    if (forgotten) return;
    for (const transaction of lost.flatMap((block) => block.transactions)) this.pool.set(transaction.hash, transaction);
  }

  /** The node forgets what it was sent. */
  forgetPool(): void {
    this.pool.clear();
  }

  /** What somebody else does with his own money, each in a block of its own. */
  submitByPayer(authorization: Authorization): void {
    const next = this.nextBlock(BLOCK_TIME_S);
    const hash = this.newHash();
    this.submittedByPayers.add(hash);
    this.transfer(authorization, hash, next);
    this.blocks.push(next);
  }

  cancelByPayer(payer: Hex, nonce: Hex): void {
    const next = this.nextBlock(BLOCK_TIME_S);
    if (!next.state.uses.has(useKey(payer, nonce)))
      next.state.uses.set(useKey(payer, nonce), {
        kind: 'canceled',
        transactionHash: this.newHash(),
        blockNumber: next.number,
        blockHash: next.hash,
        transfer: null,
      });
    this.blocks.push(next);
  }

  setBalance(account: Hex, balanceAtomic: bigint): void {
    const next = this.nextBlock(BLOCK_TIME_S);
    next.state.balances.set(account, balanceAtomic);
    this.blocks.push(next);
  }

  /** What a transfer would do in a block that came now, after the ones before it. */
  outlooks(transfers: readonly Authorization[]): ('payable' | 'used' | 'refused')[] {
    const next = this.nextBlock(BLOCK_TIME_S);
    return transfers.map((one) => {
      if (next.state.uses.has(useKey(one.from, one.nonce))) return 'used';
      return this.transfer(one, '0x', next) === null ? 'refused' : 'payable';
    });
  }

  private nextBlock(elapsedS: bigint) {
    const { number, timestampS, state } = this.head;
    return {
      number: number + 1n,
      hash: this.newHash(),
      timestampS: timestampS + elapsedS,
      mined: new Map<Hex, MinedTransaction>(),
      transactions: [] as ModelTransaction[],
      state: { balances: new Map(state.balances), uses: new Map(state.uses), senderNonces: new Map(state.senderNonces) },
    };
  }

  private execute(transaction: ModelTransaction, block: Block): MinedTransaction {
    const transfers = transaction.transfers.flatMap((one) => this.transfer(one, transaction.hash, block) ?? []);
    const gasUsed = GAS_PER_TRANSFER * BigInt(Math.max(1, transaction.transfers.length));
    return {
      succeeded: transaction.transfers.length !== 1 || transfers.length === 1,
      blockNumber: block.number,
      blockHash: block.hash,
      gasUsed,
      effectiveGasPriceWei: transaction.fees.maxFeePerGasWei,
      feeWei: gasUsed * transaction.fees.maxFeePerGasWei,
      transfers,
    };
  }

  private transfer(authorization: Authorization, transactionHash: Hex, block: Block): AuthorizedTransfer | null {
    const { from, to, valueAtomic, validAfter, validBefore, nonce } = authorization;
    const { balances, uses } = block.state;
    const balance = balances.get(from) ?? 0n;
    const inTime = validAfter < block.timestampS && block.timestampS < validBefore;
    if (!inTime || uses.has(useKey(from, nonce)) || balance < valueAtomic) return null;
    balances.set(from, balance - valueAtomic);
    balances.set(to, (balances.get(to) ?? 0n) + valueAtomic);
    const use = { kind: 'transferred' as const, transactionHash, blockNumber: block.number, blockHash: block.hash };
    uses.set(useKey(from, nonce), { ...use, transfer: { to, valueAtomic } });
    return { authorizer: from, nonce, to, valueAtomic };
  }
}
