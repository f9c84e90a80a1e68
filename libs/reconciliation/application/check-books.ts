import type { Finding } from '../domain/item';
import type { Hex } from '../domain/hex';
import type { BlockPlace, ChainLogs } from './ports/chain-logs';
import type { BookTotals, CheckStore, ItemStore, ReceiptStore, StartedRun } from './ports/reconciliation-store';

export interface CheckedPayments {
  readonly checked: number;
  /** Receipts that their payment names no more. */
  readonly demoted: number;
}

export interface CheckedTotals {
  readonly books: BookTotals;
  /** Amounts by name, for the run. */
  readonly totals: Readonly<Record<string, bigint>>;
}

const differs = (finding: Omit<Finding, 'expected' | 'actual'>, expected: bigint, actual: bigint): Finding[] =>
  expected === actual ? [] : [{ ...finding, expected: expected.toString(), actual: actual.toString() }];

/** The books against the receipts, against themselves and against the balances of the chain. */
export class CheckBooks {
  constructor(
    private readonly checks: CheckStore,
    private readonly receipts: ReceiptStore,
    private readonly items: ItemStore,
    private readonly chain: ChainLogs,
    private readonly settings: { readonly graceMs: number; readonly gasWallets: readonly Hex[] },
  ) {}

  /** Payment by payment: its transfer is where it says, and its postings are what its state requires. */
  async payments(run: StartedRun, head: BlockPlace | null, keep: () => Promise<void>): Promise<CheckedPayments> {
    const total = { checked: 0, demoted: 0 };
    for (let after: string | null = null; ;) {
      const batch = await this.checks.checkPayments(run, after, head, this.settings.graceMs);
      if (batch === null) return total;
      await this.items.report(run, batch.findings);
      total.checked += batch.checked;
      total.demoted += batch.demoted;
      after = batch.last;
      await keep();
    }
  }

  /** Account by account. */
  async totals(run: StartedRun, head: BlockPlace | null, keep: () => Promise<void>): Promise<CheckedTotals> {
    const books = await this.checks.totals(keep);
    const findings: Finding[] = [
      ...(await this.checks.credits(keep)),
      ...Object.entries(books.sumByAsset).flatMap(([asset, sum]) =>
        differs({ class: 'sum_not_zero', subject: asset, detail: {} }, 0n, sum),
      ),
      ...differs(
        { class: 'treasury_balance', subject: 'treasury', detail: {} },
        books.explainedTreasuryAtomic,
        books.treasuryAtomic,
      ),
    ];
    const onChain = head === null ? {} : await this.onChain(head, findings);
    await this.items.report(run, findings);
    const totals = { treasury_atomic: books.treasuryAtomic, gas_booked_wei: books.bookedGasWei, ...onChain };
    return { books, totals };
  }

  /** payTo holds what the transfers leave; asked at one block, so it is exact. */
  private async onChain(head: BlockPlace, findings: Finding[]): Promise<Readonly<Record<string, bigint>>> {
    const watermark = await this.receipts.watermark();
    const expected = (watermark?.openingAtomic ?? 0n) + (await this.receipts.netAtomic(head.number));
    const actual = await this.chain.balanceAtomic(head.number);
    const detail = { block_number: head.number.toString(), block_hash: head.hash };
    findings.push(...differs({ class: 'chain_balance', subject: 'pay_to', detail }, expected, actual));
    return { pay_to_atomic: actual };
  }

  /**
   * ETH of the wallets that send transactions. While a transaction is under way nobody can say what it costs, so then only
   * the books are compared with what is known.
   */
  async gas(run: StartedRun, head: BlockPlace | null, books: BookTotals): Promise<Readonly<Record<string, bigint>>> {
    const { gasWallets } = this.settings;
    if (gasWallets.length === 0 || head === null) return {};
    const balances = await Promise.all(gasWallets.map((wallet) => this.chain.balanceWei(wallet, head.number)));
    const actual = balances.reduce((sum, balance) => sum + balance, 0n);
    const { spentWei, isUnsure } = await this.checks.gas(head.number);
    const openedWei = books.openedGasWei;
    const booked = differs({ class: 'gas_books', subject: 'gas_wallet', detail: {} }, books.minedGasWei, books.bookedGasWei);
    await this.items.report(run, booked);
    if (isUnsure) return {};
    if (openedWei === null) await this.checks.bookGasOpening(run, actual + spentWei);
    const expected = (openedWei ?? actual + spentWei) - spentWei;
    const detail = { wallets: gasWallets, block_number: head.number.toString() };
    await this.items.report(run, [...differs({ class: 'gas_balance', subject: 'gas_wallet', detail }, expected, actual)]);
    return { gas_wallet_actual_wei: actual };
  }
}
