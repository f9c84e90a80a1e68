import { createHash } from 'node:crypto';
import type { BlockPlace, ChainLogs } from '@tollbox/reconciliation/application/ports/chain-logs';
import type { Hex } from '@tollbox/reconciliation/domain/hex';
import type { ChainTransfer } from '@tollbox/reconciliation/domain/receipt';
import { BATCH, CALLS_PER_SANDBOX, isSettled, priceOf, excessOf } from './month';

const LOGS = 5_000;
const PAY_TO: Hex = `0x${'9'.repeat(40)}`;

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

/** As load-sql.ts makes it. */
function uuidOf(text: string): string {
  const hash = md5(text);
  const digits = `${hash.slice(0, 12)}4${hash.slice(13, 16)}8${hash.slice(17)}`;
  return [digits.slice(0, 8), digits.slice(8, 12), digits.slice(12, 16), digits.slice(16, 20), digits.slice(20)].join('-');
}

/**
 * The chain on which the month of load-sql.ts settled, made log by log from the same rule and not from the database: a batch
 * of 50 payments is a block. It keeps nothing but the batch that it tells of.
 */
export class GeneratedChain implements ChainLogs {
  constructor(
    private readonly payments: number,
    private readonly wallets: number,
  ) {}

  head(): Promise<BlockPlace> {
    const number = BigInt(Math.ceil(this.payments / BATCH));
    return Promise.resolve({ number, hash: blockHash(number) });
  }

  blockHash(blockNumber: bigint): Promise<Hex | null> {
    return Promise.resolve(blockHash(blockNumber));
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- the port is asynchronous, this chain is at hand
  async *transfers(fromBlock: bigint, toBlock: bigint): AsyncIterable<readonly ChainTransfer[]> {
    let logs: ChainTransfer[] = [];
    for (let block = fromBlock; block <= toBlock; block++) {
      logs.push(...this.transfersOf(block));
      if (logs.length < LOGS) continue;
      yield logs;
      logs = [];
    }
    yield logs;
  }

  balanceAtomic(): Promise<bigint> {
    let balance = 0n;
    for (let i = 0; i < this.payments; i++) if (isSettled(i, this.payments)) balance += BigInt(priceOf(i) + excessOf(i));
    return Promise.resolve(balance);
  }

  balanceWei(): Promise<bigint> {
    return Promise.resolve(0n);
  }

  private transfersOf(block: bigint): ChainTransfer[] {
    const batch = Number(block) - 1;
    const id = uuidOf(`batch ${batch}`);
    const transactionHash: Hex = `0x${md5(id)}${md5(`t${id}`)}`;
    const hash = blockHash(block);
    const transfers: ChainTransfer[] = [];
    for (let i = batch * BATCH; i < Math.min((batch + 1) * BATCH, this.payments); i++) {
      if (!isSettled(i, this.payments)) continue;
      transfers.push({
        transactionHash,
        logIndex: 2 * (i % BATCH) + 1,
        blockNumber: block,
        blockHash: hash,
        from: walletOf(i, this.wallets),
        to: PAY_TO,
        valueAtomic: BigInt(priceOf(i) + excessOf(i)),
        nonce: `0x${md5(`n${i}`)}${md5(String(i))}`,
      });
    }
    return transfers;
  }
}

const blockHash = (block: bigint): Hex => `0x${md5(`block${block - 1n}`)}${md5('b')}`;

function walletOf(i: number, wallets: number): Hex {
  const wallet = (Math.floor(i / CALLS_PER_SANDBOX) * 7_919) % wallets;
  return `0x${(md5(`wallet ${wallet}`) + md5('w')).slice(0, 40)}`;
}
