import { randomUUID } from 'node:crypto';
import type { Pool, PoolClient } from 'pg';
import type { Posting } from '@tollbox/ledger/domain/posting';
import { executed, type PaymentMoney } from '@tollbox/ledger/domain/postings/payment';
import { Journal } from '@tollbox/ledger/infrastructure/journal';
import { inTransaction } from '@tollbox/platform/database/transaction';
import { PAY_TO } from '../platform/support/test-app';

export const ALICE = `0x${'a'.repeat(40)}`;
export const BOB = `0x${'b'.repeat(40)}`;
export const NETWORK = 'eip155:84532';
const ASSET = '0x036cbd53842c5426634e7929541ec2318f3dcf7e';

export type PaymentSeed = Partial<Omit<PaymentMoney, 'id' | 'operationId'>> & { readonly claimedAt?: Date };
type Steps = readonly ((payment: PaymentMoney) => Posting[])[];

/** Payments with their entries, brought about by legal changes only. */
export class Books {
  private readonly journal = new Journal(NETWORK);

  constructor(private readonly pool: Pool) {}

  /** A payment whose work is done: queued, its revenue booked. `more` books what came after. */
  async queued(seed: PaymentSeed = {}, ...more: Steps): Promise<PaymentMoney> {
    const payment: PaymentMoney = {
      id: randomUUID(),
      operation: 'sandbox.exec',
      operationId: randomUUID(),
      wallet: ALICE,
      priceAtomic: 1_000n,
      amountAtomic: seed.priceAtomic ?? 1_000n,
      round: 1,
      settlementMode: 'confirm',
      ...seed,
    };
    await inTransaction(this.pool, async (client) => {
      await this.insertQueued(client, payment, seed.claimedAt ?? new Date());
      await this.journal.append(
        client,
        [executed, ...more].flatMap((step) => step(payment)),
      );
    });
    return payment;
  }

  /** Brings a queued payment to another state by one or more legal changes. */
  async bringTo(payment: PaymentMoney, ...states: ('failed' | 'settled' | 'unknown' | 'broadcast' | 'expired')[]): Promise<void> {
    for (const state of states) {
      await this.pool.query(
        `UPDATE payments SET state = $2, transaction_hash = '0x' || md5(id::text) || md5(id::text), block_number = 7, block_hash = '0xb',
           settled_at = now() WHERE id = $1`,
        [payment.id, state],
      );
    }
  }

  post(...postings: Posting[]): Promise<void> {
    return inTransaction(this.pool, (client) => this.journal.append(client, postings));
  }

  private async insertQueued(client: PoolClient, payment: PaymentMoney, claimedAt: Date): Promise<void> {
    await client.query(
      `INSERT INTO payments (id, network, asset, payer, nonce, state, operation, operation_id, x402_version, pay_to, amount_atomic, price_atomic,
         valid_after, valid_before, signature, payer_kind, fingerprint, method, path, body_sha256, settlement_mode, lease_holder,
         lease_expires_at, claimed_at, claimed_at_block)
       VALUES ($1::uuid, $2, $3, $4, '0x' || md5($1::uuid::text), 'claimed', $5, $6, 2, $7, $8, $9, 0, 9999999999, '0xsig', 'eoa', 'f', 'POST', '/p', 'b',
         $10, 'spec', now(), $11, 1)`,
      [
        ...[payment.id, NETWORK, ASSET, payment.wallet, payment.operation, payment.operationId, PAY_TO],
        ...[payment.amountAtomic.toString(), payment.priceAtomic.toString(), payment.settlementMode, claimedAt],
      ],
    );
    const { rows } = await client.query<{ direct: boolean }>(
      "SELECT pg_get_functiondef('payments_guard'::regproc) LIKE '%claimed>queued%' AS direct",
    );
    const done = `answer_status = 200, answer_body = 'x', answer_expires_at = now(), executed_at = $2, queued_at = $2`;
    for (const state of rows[0]?.direct === true ? ['queued'] : ['executed', 'queued']) {
      await client.query(`UPDATE payments SET state = '${state}', ${done} WHERE id = $1`, [payment.id, claimedAt]);
    }
  }
}
