import type { ReportDays } from '../../domain/report-days';

/** What revenue can be grouped by, in the order of the report's columns and rows. */
export const REVENUE_KEYS = ['wallet', 'day', 'operation', 'network'] as const;
export type RevenueKey = (typeof REVENUE_KEYS)[number];

/** Atomic USDC as decimal texts. */
export interface RevenueSums {
  /** Operations that earned. */
  readonly calls: string;
  readonly earned_atomic: string;
  /** Taken back, because the chain refused before an answer was released. */
  readonly reversed_atomic: string;
  readonly revenue_atomic: string;
}

export type RevenueRow = RevenueSums & Readonly<Partial<Record<RevenueKey, string>>>;

export interface RevenueQuery {
  readonly days: ReportDays;
  /** In the order of REVENUE_KEYS. */
  readonly groupBy: readonly RevenueKey[];
  readonly operation?: string | undefined;
  readonly wallet?: string | undefined;
}

export interface PageOfRevenue {
  readonly rows: readonly RevenueRow[];
  readonly hasMore: boolean;
  /** Over everything, not only this page. */
  readonly totals: RevenueSums;
}

export interface RevenueReport {
  /** @param after the keys of the last row of the page before */
  page(query: RevenueQuery, after: readonly string[] | undefined, limit: number): Promise<PageOfRevenue>;
}

export const REVENUE_REPORT = Symbol('RevenueReport');
