import type { ItemClass, ItemState } from '../../domain/item';

export interface RunRecord {
  readonly id: string;
  readonly state: string;
  readonly origin: string;
  readonly requested_by: string;
  readonly from_block: string | null;
  readonly to_block: string | null;
  readonly to_block_hash: string | null;
  readonly counts: Readonly<Record<string, number>>;
  readonly totals: Readonly<Record<string, string>>;
  readonly error: string | null;
  readonly requested_at: string;
  readonly started_at: string | null;
  readonly finished_at: string | null;
}

export interface ItemRecord {
  readonly id: string;
  readonly class: ItemClass;
  readonly state: ItemState;
  readonly subject: string;
  readonly expected: string | null;
  readonly actual: string | null;
  readonly detail: Readonly<Record<string, unknown>>;
  readonly resolution: string | null;
  readonly first_seen_run: string;
  readonly last_seen_run: string;
  readonly opened_at: string;
  readonly closed_at: string | null;
}

export interface ItemEvent {
  readonly id: string;
  readonly run_id: string | null;
  readonly from_state: string | null;
  readonly to_state: string;
  readonly resolution: string | null;
  readonly actor: string;
  readonly reason: string;
  readonly detail: Readonly<Record<string, unknown>>;
  readonly at: string;
}

export interface ItemFilter {
  readonly state?: ItemState | undefined;
  readonly class?: ItemClass | undefined;
  readonly subject?: string | undefined;
  readonly run?: string | undefined;
}

export interface Page<Row> {
  readonly rows: readonly Row[];
  readonly hasMore: boolean;
}

/** What finance reads. Lists are newest first, by the number that the database gave. */
export interface ReconciliationQueries {
  /** The run that waits to be done; one is made when none waits. */
  request(by: string): Promise<RunRecord>;
  runs(after: string | undefined, limit: number): Promise<Page<RunRecord>>;
  run(id: string): Promise<RunRecord | undefined>;
  items(filter: ItemFilter, after: string | undefined, limit: number): Promise<Page<ItemRecord>>;
  item(id: string): Promise<(ItemRecord & { readonly events: readonly ItemEvent[] }) | undefined>;
}

export const RECONCILIATION_QUERIES = Symbol('ReconciliationQueries');
