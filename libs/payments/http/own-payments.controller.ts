import { Controller, Get, Inject, Param } from '@nestjs/common';
import { z } from 'zod';
import { CurrentOwner } from '@tollbox/platform/access/current-owner.decorator';
import { CONFIG, type Config } from '@tollbox/platform/config/config';
import type { Wallet } from '@tollbox/platform/operations/operation';
import { Owner } from '@tollbox/platform/routes/access.decorators';
import type { OwnPayment } from '../application/ports/own-payments';
import { ShowOwnPayment } from '../application/show-own-payment';
import { networkOf, type Network } from '../domain/networks';
import { chargedOf } from '../domain/payment';
import { PAYMENT_STATES } from '../domain/payment-state';
import { receiptFor } from '../domain/terms';

const atomic = z
  .string()
  .regex(/^[0-9]+$/)
  .describe('Atomic units, as a decimal text.');

const paymentAnswer = z.object({
  id: z.uuid(),
  state: z.enum(PAYMENT_STATES),
  rail: z.enum(['x402', 'credit']).describe('What pays: an authorization on the chain, or prepaid credits.'),
  charged: z.union([z.boolean(), z.literal('unknown')]),
  operation: z.string(),
  operation_id: z.uuid(),
  payer: z.string(),
  network: z.string(),
  asset: z.string(),
  amount_atomic: atomic.describe('What the authorization pays.'),
  price_atomic: atomic.describe('What the operation cost; more than that is your credit.'),
  settlement_mode: z.string(),
  void_code: z.string().nullable(),
  fail_reason: z.string().nullable(),
  transaction_hash: z.string().nullable(),
  block_number: z.string().nullable(),
  block_hash: z.string().nullable(),
  claimed_at: z.iso.datetime(),
  settled_at: z.iso.datetime().nullable(),
  receipt: z
    .object({ success: z.boolean(), transaction: z.string(), network: z.string(), payer: z.string() })
    .nullable()
    .describe('What PAYMENT-RESPONSE carries; null until the chain has moved the money.'),
});

/** What became of a payment, for its payer. */
@Controller('v1/payments')
export class OwnPaymentsController {
  private readonly network: Network;

  constructor(
    private readonly payments: ShowOwnPayment,
    @Inject(CONFIG) config: Config,
  ) {
    this.network = networkOf(config);
  }

  @Get(':id')
  @Owner({ summary: 'One of your payments: its state, transaction, block and receipt', answer: paymentAnswer })
  async show(@Param('id') id: string, @CurrentOwner() owner: Wallet): Promise<z.output<typeof paymentAnswer>> {
    return this.answerOf(await this.payments.show(id, owner));
  }

  private answerOf({ payment, ...own }: OwnPayment): z.output<typeof paymentAnswer> {
    const { payer } = payment.key;
    const transaction = payment.transactionHash;
    const settled = payment.state === 'settled' && transaction !== null;
    return {
      id: payment.id,
      state: payment.state,
      rail: payment.rail,
      charged: chargedOf(payment),
      operation: payment.operation,
      operation_id: payment.operationId,
      payer,
      network: payment.key.network,
      asset: payment.key.asset,
      amount_atomic: payment.authorization.valueAtomic.toString(),
      price_atomic: payment.priceAtomic.toString(),
      settlement_mode: own.settlementMode,
      void_code: payment.voidCode,
      fail_reason: payment.failReason,
      transaction_hash: transaction,
      block_number: own.blockNumber?.toString() ?? null,
      block_hash: own.blockHash,
      claimed_at: own.claimedAt.toISOString(),
      settled_at: own.settledAt?.toISOString() ?? null,
      receipt: settled ? receiptFor(payment.x402Version, this.network, { success: true, transaction, payer }) : null,
    };
  }
}
