import type { PaymentStore } from '@tollbox/payments/application/ports/payment-store';
import type { SettlementStore } from '@tollbox/payments/application/ports/settlement-store';
import type { SettlementMode } from '@tollbox/payments/domain/payment';
import type { PaymentState } from '@tollbox/payments/domain/payment-state';
import type { HeldRows } from './held-transaction';

/** A payment and its part of the books, without anything that differs from one database to another. */
export interface PaymentView {
  /** `payer:nonce`. */
  readonly key: string;
  readonly state: PaymentState;
  readonly attempt: number;
  readonly round: number;
  readonly settlementMode: SettlementMode;
  readonly operationId: string;
  readonly amountAtomic: bigint;
  readonly priceAtomic: bigint;
  readonly operation: string;
  readonly transactionHash: string | null;
  /** Debits minus credits by account, of the entries about this payment's USDC; accounts that are level are absent. */
  readonly books: Readonly<Record<string, bigint>>;
  /** Entries `executed`. */
  readonly earnedTimes: number;
}

export interface BatchView {
  readonly signer: string;
  readonly evmNonce: bigint;
  readonly isOpen: boolean;
  /** Bytes without a receipt, or with one in a block: they may still move money. */
  readonly isAlive: boolean;
  /** It was in a block once; an open one lost that block. */
  readonly wasMined: boolean;
  /** `payer:nonce` of each. */
  readonly payments: readonly string[];
}

export interface DatabaseView {
  readonly payments: readonly PaymentView[];
  readonly batches: readonly BatchView[];
  /** Gas expense, and what the gas wallet paid, in wei. */
  readonly gasWei: { readonly expense: bigint; readonly wallet: bigint };
}

/** What the processes of a run share: the model of it, or PostgreSQL. */
export interface Database {
  readonly payments: PaymentStore;
  readonly settlements: SettlementStore;
  /** Differs when the view may; null when that is not known. */
  version(): number | null;
  view(): DatabaseView | Promise<DatabaseView>;
  /** Lets time pass for leases, ages and queues, but not for rows that are held. */
  advance(ms: number, held: HeldRows): void | Promise<void>;
}
