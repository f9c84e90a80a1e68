import type { StaffCaller } from '@tollbox/platform/access/current-staff.decorator';

/** What an operator sees of settlement. Times are ISO 8601 in UTC. */
export interface SettlementOverview {
  readonly pausedAt: string | null;
  readonly pausedBy: string | null;
  readonly queuedPayments: number;
  readonly oldestQueuedAt: string | null;
  /** Carried by a transaction without an end; those whose outcome is overdue included. */
  readonly paymentsInFlight: number;
  readonly unknownPayments: number;
  readonly keys: readonly {
    readonly address: string;
    readonly openTransactions: number;
    readonly lowestOpenNonce: bigint | null;
    readonly oldestOpenAt: string | null;
    readonly heldBy: string | null;
  }[];
}

/** Stops and starts the sending of new settlement transactions, in every worker at once. */
export interface SettlementControl {
  overview(): Promise<SettlementOverview>;
  /** Recorded under the key that asked for it, both or neither. Pausing again changes nothing. */
  pause(staff: StaffCaller): Promise<SettlementOverview>;
  resume(staff: StaffCaller): Promise<SettlementOverview>;
}

/** Nest's injection token of the SettlementControl. */
export const SETTLEMENT_CONTROL = Symbol('SettlementControl');
