import { costOf } from '../domain/provider-cost';
import type { UsageBook } from './ports/usage-book';

/** Books what the provider takes for sandboxes that have ended, each once. */
export class BookProviderCosts {
  constructor(
    private readonly book: UsageBook,
    private readonly batch: number,
    private readonly onUnpriced: (count: number) => void,
  ) {}

  async run(stopping: AbortSignal): Promise<void> {
    for (;;) {
      const { seen, unpriced } = await this.book.bookSome(this.batch, costOf);
      if (unpriced > 0) this.onUnpriced(unpriced);
      // What has no price comes back first in the next run only: a rate has to be recorded for it.
      if (stopping.aborted || unpriced > 0 || seen < this.batch) return;
    }
  }
}
