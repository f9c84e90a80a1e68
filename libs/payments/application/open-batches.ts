import type { Payment } from '../domain/payment';
import type { Hex } from '../domain/networks';
import type { Lease, SettlementStore, StoredBatch, StoredBytes } from './ports/settlement-store';

/** A batch on its way, as this process follows it. */
export class OpenBatch {
  readonly bytes: StoredBytes[];
  /** Ids of bytes that this process gave to the node. */
  readonly sent = new Set<string>();
  lastSentAtMs = 0;
  private readonly newestAtMs = new Map<string, number>();
  /** When its nonce was first seen to be used without a receipt of ours. */
  passedAtMs: number | null = null;
  lookAgainAtMs = 0;
  private known: readonly Payment[] | null;

  constructor(
    readonly stored: StoredBatch,
    payments: readonly Payment[] | null,
  ) {
    this.bytes = [...stored.bytes];
    this.known = payments;
    for (const one of stored.bytes) this.newestAtMs.set(one.id, Date.now() - one.ageMs);
  }

  get id(): string {
    return this.stored.id;
  }

  get hashes(): readonly Hex[] {
    return this.bytes.map(({ hash }) => hash);
  }

  get newest(): StoredBytes {
    const newest = this.bytes.at(-1);
    if (newest === undefined) throw new Error(`batch ${this.id} has no bytes`);
    return newest;
  }

  add(bytes: StoredBytes): void {
    this.bytes.push(bytes);
    this.newestAtMs.set(bytes.id, Date.now() - bytes.ageMs);
  }

  /** Since the bytes of the newest price were stored. */
  newestAgeMs(): number {
    return Date.now() - (this.newestAtMs.get(this.newest.id) ?? 0);
  }

  /** Since the first bytes were stored. */
  ageMs(): number {
    return Date.now() - Math.min(...this.newestAtMs.values());
  }

  async payments(store: SettlementStore): Promise<readonly Payment[]> {
    this.known ??= await store.openPaymentsOf(this.id);
    return this.known;
  }

  /** One of its payments has changed: they are read again. */
  forgetPayments(): void {
    this.known = null;
  }
}

/** The database has the truth; it is read when the lease is new and at this interval, for what other processes reopened. */
const RELOAD_MS = 1_000;

/** The batches of one key that are on their way. */
export class OpenBatches {
  private readonly batches = new Map<string, OpenBatch>();
  private fence: bigint | null = null;
  private reloadAtMs = 0;

  constructor(
    private readonly store: SettlementStore,
    private readonly signer: Hex,
  ) {}

  /** Those that still take room in the node's pool. */
  get inFlight(): number {
    return [...this.batches.values()].filter((batch) => batch.passedAtMs === null).length;
  }

  get all(): readonly OpenBatch[] {
    return [...this.batches.values()];
  }

  add(stored: StoredBatch, payments: readonly Payment[]): OpenBatch {
    const batch = new OpenBatch(stored, payments);
    this.batches.set(stored.id, batch);
    return batch;
  }

  remove(batch: OpenBatch): void {
    this.batches.delete(batch.id);
  }

  async refresh(lease: Lease): Promise<void> {
    if (this.fence === lease.fence && Date.now() < this.reloadAtMs) return;
    const before = new Set(this.batches.keys());
    const stored = await this.store.listOpen(this.signer);
    if (this.fence !== lease.fence) this.batches.clear();
    this.fence = lease.fence;
    this.reloadAtMs = Date.now() + RELOAD_MS;
    const inDatabase = new Set(stored.map(({ id }) => id));
    for (const id of before) if (!inDatabase.has(id)) this.batches.delete(id);
    for (const one of stored) if (!this.batches.has(one.id)) this.batches.set(one.id, new OpenBatch(one, null));
  }
}
