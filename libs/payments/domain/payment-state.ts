/**
 * The life of a payment (design, "Payment states"). The database refuses what this table does not list
 * (prisma/migrations, payments_guard).
 *
 * - claimed    the authorization is reserved and the operation may run under its operation id
 * - queued     the operation is done (event `executed`), its answer bytes are stored; waits for the settler
 * - broadcast  a signed transaction that carries it is stored, and sent or about to be
 * - unknown    sent, outcome not seen; resolved only from the chain
 * - settled    the chain moved the money
 * - failed     the chain refused
 * - expired    we were too late: our loss
 * - voided     the operation was not done; never charged. A retryable void may be claimed again
 */
export const PAYMENT_STATES = ['claimed', 'queued', 'broadcast', 'settled', 'voided', 'failed', 'expired', 'unknown'] as const;
export type PaymentState = (typeof PAYMENT_STATES)[number];

export const PAYMENT_TRANSITIONS: Readonly<Record<PaymentState, readonly PaymentState[]>> = {
  claimed: ['queued', 'voided'],
  voided: ['claimed'],
  queued: ['broadcast', 'settled', 'failed', 'expired'],
  broadcast: ['settled', 'failed', 'expired', 'unknown', 'queued'],
  unknown: ['settled', 'failed', 'expired', 'queued'],
  settled: ['queued', 'expired'],
  failed: [],
  expired: [],
};

/** States whose amount may still leave the payer's balance. */
export const RESERVING_STATES = ['claimed', 'queued', 'broadcast', 'unknown'] as const satisfies readonly PaymentState[];

export function canTransition(from: PaymentState, to: PaymentState): boolean {
  return PAYMENT_TRANSITIONS[from].includes(to);
}
