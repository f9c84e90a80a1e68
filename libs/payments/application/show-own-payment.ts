import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import type { Wallet } from '@tollbox/platform/operations/operation';
import type { OwnPayment, OwnPayments } from './ports/own-payments';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** One payment, for the wallet that made it. Another wallet's is answered like one that does not exist. */
export class ShowOwnPayment {
  constructor(private readonly payments: OwnPayments) {}

  async show(id: string, payer: Wallet): Promise<OwnPayment> {
    // A text that is no UUID names no payment; PostgreSQL would fail on it.
    const payment = UUID.test(id) ? await this.payments.find(id, payer) : null;
    if (payment === null) throw new TollboxError('not_found', { message: 'There is no payment with this id.' });
    return payment;
  }
}
