import type { JournalMark, RollupStore } from './ports/rollup-store';

/** Brings the rollups up to the journal, as far as no running transaction can still add an entry. */
export class FoldJournal {
  private mark: JournalMark | null = null;

  constructor(
    private readonly store: RollupStore,
    private readonly maxEntries: number,
  ) {}

  async run(stopping: AbortSignal): Promise<void> {
    this.mark ??= await this.store.mark();
    // Transactions that run now are waited for by coming again: the mark is kept until then.
    if (this.mark === null || !(await this.store.isComplete(this.mark))) return;
    const { entryId } = this.mark;
    this.mark = null;
    while (!stopping.aborted && (await this.store.fold(entryId, this.maxEntries)));
  }
}
