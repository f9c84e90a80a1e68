import type { Wallet } from '@tollbox/platform/operations/operation';

export interface TopUp {
  readonly operationId: string;
  readonly wallet: Wallet;
  readonly amountAtomic: bigint;
  readonly tokenSha256: string;
}

export interface CreditToken {
  readonly sha256: string;
  readonly wallet: Wallet;
  readonly createdAt: Date;
  readonly revokedAt: Date | null;
}

export type Acceptance = 'accepted' | 'abandoned' | 'token_taken' | 'too_many_tokens';

export interface CreditBalance {
  readonly balanceAtomic: bigint;
  readonly heldAtomic: bigint;
  readonly pendingAtomic: bigint;
  readonly debtAtomic: bigint;
}

/** A line of the statement; amounts are signed. */
export interface CreditEntry {
  readonly id: bigint;
  readonly at: Date;
  readonly event: string;
  readonly amountAtomic: bigint;
  readonly balanceAfterAtomic: bigint;
  readonly operation: string | null;
  readonly operationId: string | null;
  /** The payment that it came from, if it came from one. */
  readonly paymentId: string | null;
}

export interface CreditStore {
  /** Records the top-up and its token, or says why not. Safe to repeat. */
  accept(topUp: TopUp, maxTokensPerWallet: number): Promise<Acceptance>;
  /** The top-up of this operation; null settles that it never happens. */
  findOrAbandon(operationId: string): Promise<TopUp | null>;
  findToken(sha256: string): Promise<CreditToken | null>;
  countTokens(wallet: Wallet): Promise<number>;
  /** Newest first. */
  listTokens(wallet: Wallet, limit: number): Promise<readonly CreditToken[]>;
  /** Revokes for good; null when the wallet has no such token. Safe to repeat. */
  revokeToken(sha256: string, wallet: Wallet): Promise<CreditToken | null>;
  balance(wallet: Wallet): Promise<CreditBalance>;
  /** Newest first, those before a line when one is named. */
  entries(wallet: Wallet, limit: number, before: bigint | null): Promise<readonly CreditEntry[]>;
}
