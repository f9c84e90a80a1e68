import type { BlockPlace, ChainLogs } from './ports/chain-logs';
import type { ReceiptStore, StartedRun, Watermark } from './ports/reconciliation-store';

const ATTEMPTS = 3;

export interface ChainRead {
  /** The block up to which everything is known; null when the node is behind what was read before. */
  readonly head: BlockPlace | null;
  readonly fromBlock: bigint;
  readonly transfers: number;
  readonly lost: number;
}

/** Reads the transfers of payTo up to the confirmed head, and takes back those whose block was replaced. */
export class ReadChain {
  constructor(
    private readonly store: ReceiptStore,
    private readonly chain: ChainLogs,
  ) {}

  /**
   * @param keep renews the run's lease; called between batches
   * @throws Error when the chain changes while it is read, several times over
   */
  async run(run: StartedRun, keep: () => Promise<void>): Promise<ChainRead> {
    let lost = 0;
    for (let attempt = 1; ; attempt++) {
      const head = await this.chain.head();
      const watermark = (await this.store.watermark()) ?? (await this.start(run, head));
      const { standing, count } = await this.takeBackLost(run, watermark);
      lost += count;
      const fromBlock = standing.number + 1n;
      if (head.number < standing.number) return { head: null, fromBlock, transfers: 0, lost };
      const transfers = await this.read(run, fromBlock, head.number, keep);
      if ((await this.chain.blockHash(head.number)) === head.hash) {
        if (watermark.openingAtomic === null) await this.open(run, head);
        await this.store.advance(run, head);
        return { head, fromBlock, transfers, lost };
      }
      if (attempt === ATTEMPTS) throw new Error(`the chain changed ${ATTEMPTS} times while it was read`);
    }
  }

  /** The books begin at the block at which the first payment was claimed: nothing can have settled before. */
  private async start(run: StartedRun, head: BlockPlace): Promise<Watermark> {
    const firstClaim = await this.store.firstClaimBlock();
    const place = await this.placeOf(firstClaim === null || firstClaim > head.number ? head.number : firstClaim);
    await this.store.startAt(run, place);
    return { place, openingBlock: place.number, openingAtomic: null };
  }

  private async placeOf(number: bigint): Promise<BlockPlace> {
    const hash = await this.chain.blockHash(number);
    if (hash === null) throw new Error(`the node has no block ${number}, at which the books begin`);
    return { number, hash };
  }

  /** What payTo holds less what came since: no node needs to know its balance of long ago. */
  private async open(run: StartedRun, head: BlockPlace): Promise<void> {
    const [balance, net] = await Promise.all([this.chain.balanceAtomic(head.number), this.store.netAtomic(head.number)]);
    if (balance < net) throw new Error(`payTo holds ${balance}, less than the ${net} that its transfers since the opening leave`);
    await this.store.bookOpening(run, balance - net);
  }

  private async read(run: StartedRun, fromBlock: bigint, toBlock: bigint, keep: () => Promise<void>): Promise<number> {
    if (fromBlock > toBlock) return 0;
    let count = 0;
    for await (const batch of this.chain.transfers(fromBlock, toBlock)) {
      await this.store.record(run, batch);
      count += batch.length;
      await keep();
    }
    return count;
  }

  /**
   * From the newest block that was read down to the first that stands: below that one nothing has changed. A block that
   * the node does not have proves nothing by itself.
   */
  private async takeBackLost(run: StartedRun, watermark: Watermark): Promise<{ standing: BlockPlace; count: number }> {
    let isReplaced = false;
    let standing: BlockPlace | null = null;
    for await (const place of this.newestFirst(watermark.place)) {
      const hash = await this.chain.blockHash(place.number);
      if (hash === place.hash) {
        standing = place;
        break;
      }
      if (hash !== null) isReplaced = true;
    }
    if (!isReplaced) return { standing: watermark.place, count: 0 };
    standing ??= await this.placeOf(watermark.openingBlock);
    const count = await this.store.loseAbove(run, standing.number);
    const from = standing.number < watermark.place.number ? standing : watermark.place;
    await this.store.advance(run, from);
    return { standing: from, count };
  }

  private async *newestFirst(watermark: BlockPlace): AsyncIterable<BlockPlace> {
    let isTold = false;
    let places = await this.store.places(null);
    while (places.length > 0) {
      for (const place of places) {
        if (!isTold && place.number <= watermark.number) {
          isTold = true;
          yield watermark;
        }
        yield place;
      }
      places = await this.store.places(places.at(-1)?.number ?? null);
    }
    if (!isTold) yield watermark;
  }
}
