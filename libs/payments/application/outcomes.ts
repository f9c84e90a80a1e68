import type { TollboxError, Charged } from '@tollbox/platform/errors/tollbox-error';
import type { Rejection } from '../domain/authorization';
import type { Payment, StoredAnswer } from '../domain/payment';

/** What a paid request ends with. The HTTP layer turns it into status, headers and bytes. */
export type PaidOutcome =
  /** The operation is done and the chain moved the money: the answer, with a receipt. */
  | { readonly kind: 'paid'; readonly payment: Payment; readonly answer: StoredAnswer }
  /** The operation is done and its answer is given before the chain moves the money: no receipt yet. */
  | { readonly kind: 'released'; readonly payment: Payment; readonly answer: StoredAnswer }
  /** The operation was not done: its stored error. Not charged. */
  | { readonly kind: 'voided'; readonly payment: Payment; readonly answer: StoredAnswer }
  /** The payment does not pay: terms again. */
  | { readonly kind: 'rejected'; readonly rejection: Rejection }
  /** The chain refused the payment of work that was done: no answer, terms again, a receipt that says so. */
  | { readonly kind: 'refused'; readonly payment: Payment }
  /** Anything else, as an error of the registry. */
  | { readonly kind: 'error'; readonly error: TollboxError; readonly charged: Charged; readonly payment: Payment | null };
