import { Inject, Injectable } from '@nestjs/common';
import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import type { PaymentDetail } from '../domain/payment-records';
import { PAYMENTS_READ_MODEL, type PaymentsReadModel } from './ports/payments-read-model';

/** One payment with its history, its settlement and what it bought. */
@Injectable()
export class ShowPayment {
  constructor(@Inject(PAYMENTS_READ_MODEL) private readonly readModel: PaymentsReadModel) {}

  /** @throws TollboxError `not_found` */
  async run(id: string): Promise<PaymentDetail> {
    const payment = await this.readModel.detail(id);
    if (payment === undefined) throw new TollboxError('not_found', { message: 'There is no payment with this id.' });
    return payment;
  }
}
