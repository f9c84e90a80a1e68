import type { ReportDays } from '../../domain/report-days';

/** What something earned and cost. Each amount in its own unit, and in USD at 10⁻¹² by the rates of the day; null without a rate. */
export interface MarginSums {
  readonly calls: string;
  readonly revenue_atomic: string;
  readonly gas_wei: string;
  readonly fees_atomic: string;
  readonly provider_cost_pico_usd: string;
  readonly revenue_pico_usd: string | null;
  readonly cost_pico_usd: string | null;
  readonly margin_pico_usd: string | null;
}

export type OperationMargin = MarginSums & { readonly operation: string };
export type SandboxMargin = MarginSums & {
  readonly sandbox_id: string;
  readonly owner: string | null;
  readonly created_at: string;
};

export interface SandboxPlace {
  readonly createdAt: string;
  readonly id: string;
}

export interface MarginReport {
  byOperation(days: ReportDays): Promise<readonly OperationMargin[]>;
  /** Sandboxes that were created on these days, newest first, with all that their calls earned and cost. */
  bySandbox(
    days: ReportDays,
    after: SandboxPlace | undefined,
    limit: number,
  ): Promise<{ readonly rows: readonly SandboxMargin[]; readonly hasMore: boolean }>;
}

export const MARGIN_REPORT = Symbol('MarginReport');
