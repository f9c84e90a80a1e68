import type { DatabaseView, PaymentView } from './database';
import type { ModelWork } from './model-operation';

/** What the chain showed, by `payer:nonce`. */
export interface Transfers {
  /** In a block at some time. */
  readonly everPaid: ReadonlySet<string>;
  /** In a block that stands for sure, by a transaction of ours or of the payer. */
  readonly paidForGood: ReadonlyMap<string, 'by_us' | 'by_payer'>;
}

/** What must hold after every step of every run. Throws with what does not. */
export function checkInvariants(view: DatabaseView, work: ModelWork, transfers: Transfers): void {
  for (const payment of view.payments) {
    checkPayment(payment, work, transfers.everPaid);
    checkLoss(payment, transfers.paidForGood.get(payment.key));
  }
  checkBatches(view);
  if (view.gasWei.expense + view.gasWei.wallet !== 0n) throw new Error('gas is not balanced');
}

function checkPayment(payment: PaymentView, work: ModelWork, everPaid: ReadonlySet<string>): void {
  const expected = expectedBooks(payment);
  const accounts = new Set([...Object.keys(expected), ...Object.keys(payment.books)]);
  for (const account of accounts)
    if ((expected[account] ?? 0n) !== (payment.books[account] ?? 0n))
      throw new Error(
        `${payment.key} is ${payment.state}: ${account} holds ${payment.books[account] ?? 0n}, not ${expected[account] ?? 0n}`,
      );
  const isEarned = payment.state !== 'claimed' && payment.state !== 'voided';
  if (payment.earnedTimes !== (isEarned ? 1 : 0)) throw new Error(`${payment.key} earned ${payment.earnedTimes} times`);
  if (isEarned && !work.isDone(payment.operationId))
    throw new Error(`${payment.key} is ${payment.state} for work that was not done`);
  if (payment.state === 'settled' && !everPaid.has(payment.key))
    throw new Error(`${payment.key} settled and the chain never moved it`);
}

/**
 * Money that came is not written off: not as too late, since the chain takes nothing after its time; and not as refused, unless
 * the payer himself sent it after that.
 */
function checkLoss({ key, state }: PaymentView, paid: 'by_us' | 'by_payer' | undefined): void {
  if (state === 'expired' && paid !== undefined) throw new Error(`${key} is expired and the chain moved it`);
  if (state === 'failed' && paid === 'by_us') throw new Error(`${key} is failed and our transaction moved it`);
}

/** Where the money of a payment stands by its state alone. */
function expectedBooks(payment: PaymentView): Record<string, bigint> {
  const { amountAtomic, priceAtomic } = payment;
  const excess = amountAtomic - priceAtomic;
  const revenue = { [`revenue:${payment.operation}`]: -priceAtomic };
  const earned = { ...revenue, ...(excess === 0n ? {} : { credits: -excess }) };
  switch (payment.state) {
    case 'claimed':
    case 'voided':
      return {};
    case 'queued':
      return { ...earned, authorized: amountAtomic };
    case 'broadcast':
    case 'unknown':
      return { ...earned, in_flight: amountAtomic };
    case 'settled':
      return { ...earned, treasury: amountAtomic };
    case 'failed':
      return payment.settlementMode === 'optimistic' ? { ...revenue, customer_debt: priceAtomic } : {};
    case 'expired':
      return { ...revenue, expired_losses: priceAtomic };
  }
}

/**
 * A nonce of a key has one batch that is alive. An authorization is sent in one batch that is open; one that lost its block
 * carries it again, after the chain had shown that it did not move it there.
 */
function checkBatches({ batches }: DatabaseView): void {
  const nonces = new Set<string>();
  const carried = new Set<string>();
  for (const batch of batches) {
    const nonce = `${batch.signer}:${batch.evmNonce}`;
    if (batch.isAlive && nonces.has(nonce)) throw new Error(`nonce ${nonce} is used twice`);
    if (batch.isAlive) nonces.add(nonce);
    if (!batch.isOpen || batch.wasMined) continue;
    for (const payment of batch.payments) {
      if (carried.has(payment)) throw new Error(`${payment} is carried by two open batches`);
      carried.add(payment);
    }
  }
}
