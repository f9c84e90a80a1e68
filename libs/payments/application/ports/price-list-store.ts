import type { PriceListContent, VersionedPriceList } from '../../domain/pricing';

/** A price list with the times at which it became the newest one. Times are ISO 8601 in UTC. */
export interface PriceListRecord extends VersionedPriceList {
  readonly sha256: string;
  readonly createdAt: string;
  readonly createdBy: string;
  readonly effectiveFrom: string;
  /** When it was made the current list, oldest first; more than once when prices went back to it. */
  readonly activatedAt: readonly string[];
  readonly isCurrent: boolean;
}

export interface PriceListStore {
  /** Makes this the current list and returns its version: the known one for known content, else the next. */
  register(content: PriceListContent, by: string): Promise<number>;
  /** Lists that are current or were within the last `graceS` seconds, newest first. */
  recentlyCurrent(graceS: number): Promise<readonly VersionedPriceList[]>;
  /** All versions, newest first. */
  list(limit: number, beforeVersion: number | null): Promise<readonly PriceListRecord[]>;
}

/** Nest's injection token of the PriceListStore. */
export const PRICE_LIST_STORE = Symbol('PriceListStore');
