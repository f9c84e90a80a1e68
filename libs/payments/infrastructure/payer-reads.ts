import { resultOf, type JsonRpc } from '@tollbox/platform/chain/json-rpc';
import { Batcher } from '@tollbox/platform/database/batcher';
import type { PayerSnapshot } from '../application/ports/evm-chain';
import { MULTICALL3, type Hex } from '../domain/networks';
import { encodeAggregate3 } from './multicall';
import { authorizationStateOf, balanceOf, blockNumberOf, blockTimestampOf, wordsOf } from './multicall-reads';

interface Asked {
  readonly payer: Hex;
  readonly nonces: readonly Hex[];
}

const MAX_CALLS = 200;
const MAX_PAYERS = 100;
const MAX_WAITING = 10_000;
/** A node answers some reads at once; waiting for one before the next would only make latency. */
const OVERLAP_AFTER_MS = 15;
/** Code can appear (a wallet is deployed, EIP-7702) and vanish, so neither answer is kept for long. */
const CODE_CACHE_MS = 30_000;
const CODE_CACHE_MAX = 50_000;

/** What is read of payers for their claims: many payers with one call, all of one call at one block. */
export class PayerReads {
  private readonly codeCache = new Map<Hex, { hasCode: boolean; untilMs: number }>();
  private readonly snapshots: Batcher<Asked, PayerSnapshot>;
  private readonly codes: Batcher<Hex, boolean>;

  constructor(
    private readonly rpc: JsonRpc,
    private readonly token: Hex,
    private readonly nowMs: () => number,
  ) {
    // A batch that fails is not halved: the node is away, or one of its callers' nonces makes no difference.
    const common = { maxInFlight: 8, overlapAfterMs: OVERLAP_AFTER_MS, maxWaiting: MAX_WAITING, isItemFault: () => false };
    this.snapshots = new Batcher<Asked, PayerSnapshot>({
      ...common,
      maxSize: MAX_PAYERS,
      maxWeight: MAX_CALLS,
      weightOf: ({ nonces }) => nonces.length + 1,
      run: (asked) => this.readAll(asked),
    });
    this.codes = new Batcher<Hex, boolean>({ ...common, maxSize: MAX_PAYERS, run: (accounts) => this.readCodes(accounts) });
  }

  snapshot(payer: Hex, nonces: readonly Hex[]): Promise<PayerSnapshot> {
    return this.snapshots.submit({ payer, nonces });
  }

  async hasCode(account: Hex): Promise<boolean> {
    const cached = this.codeCache.get(account);
    if (cached !== undefined && cached.untilMs > this.nowMs()) return cached.hasCode;
    return this.codes.submit(account);
  }

  private async readAll(asked: readonly Asked[]): Promise<PayerSnapshot[]> {
    const calls = [blockNumberOf(MULTICALL3), blockTimestampOf(MULTICALL3)];
    for (const { payer, nonces } of asked) {
      calls.push(balanceOf(this.token, payer));
      for (const nonce of nonces) calls.push(authorizationStateOf(this.token, payer, nonce));
    }
    const answer = await this.rpc.one('eth_call', [{ to: MULTICALL3, data: encodeAggregate3(calls) }, 'latest']);
    const words = wordsOf(answer, calls.length).values();
    const next = (): bigint => words.next().value ?? 0n;
    const [blockNumber, blockTimestampS] = [next(), next()];
    return asked.map(({ nonces }) => {
      const balanceAtomic = next();
      return { blockNumber, blockTimestampS, balanceAtomic, used: new Map(nonces.map((nonce) => [nonce, next() === 1n])) };
    });
  }

  private async readCodes(accounts: readonly Hex[]): Promise<boolean[]> {
    const distinct = [...new Set(accounts)];
    const codes = await this.rpc.ask(distinct.map((account) => ({ method: 'eth_getCode', params: [account, 'latest'] })));
    const untilMs = this.nowMs() + CODE_CACHE_MS;
    if (this.codeCache.size + distinct.length > CODE_CACHE_MAX) this.codeCache.clear();
    const found = new Map<Hex, boolean>();
    for (const [index, account] of distinct.entries()) {
      const code = resultOf(codes[index], 'eth_getCode');
      if (typeof code !== 'string') throw new Error('the node did not say what code an account has');
      found.set(account, code !== '0x');
      this.codeCache.set(account, { hasCode: code !== '0x', untilMs });
    }
    return accounts.map((account) => found.get(account) === true);
  }
}
