import type { Pool, PoolClient } from 'pg';
import { executed } from '@tollbox/ledger/domain/postings/payment';
import type { Journal } from '@tollbox/ledger/infrastructure/journal';
import { PAYMENT_MONEY_COLUMNS, toPaymentMoney, type PaymentMoneyRow } from '@tollbox/ledger/infrastructure/payment-money';
import { Batcher } from '@tollbox/platform/database/batcher';
import { isRefusedByData } from '@tollbox/platform/database/sql-errors';
import { inTransactionByIndex } from '@tollbox/platform/database/transaction';
import type { ClaimRef, VoidVerdict } from '../application/ports/payment-store';
import type { StoredAnswer } from '../domain/payment';
import { notifyPaymentsChanged, notifyQueued } from './payment-rows';

interface Completion {
  readonly claim: ClaimRef;
  readonly answer: StoredAnswer;
  readonly retentionMs: number;
}

interface Voiding {
  readonly claim: ClaimRef;
  readonly verdict: VoidVerdict;
}

const MAX_BATCH = 128;
/** Answers can be megabytes; a batch of them stays a statement of some. */
const MAX_BATCH_BYTES = 2_097_152;
const MAX_WAITING = 10_000;
const OVERLAP_AFTER_MS = 100;

/** `validBefore`, but a day from now at most: an authorization that never ends does not keep its answer for ever. */
const VALID_UNTIL = `to_timestamp(least(valid_before, extract(epoch FROM now()) + 86400)::double precision)`;

/**
 * Ends claims in batches, each batch in one transaction with its events, its rows of the journal and one notification.
 * Every result says whether the claim was still held.
 */
export class PaymentConclusions {
  private readonly completions = new Batcher<Completion, boolean>({
    maxSize: MAX_BATCH,
    maxWeight: MAX_BATCH_BYTES,
    weightOf: ({ answer }) => answer.body.length,
    maxInFlight: 4,
    overlapAfterMs: OVERLAP_AFTER_MS,
    maxWaiting: MAX_WAITING,
    run: (items) => this.completeAll(items),
    isItemFault: isRefusedByData,
  });
  private readonly voidings = new Batcher<Voiding, boolean>({
    maxSize: MAX_BATCH,
    maxInFlight: 4,
    overlapAfterMs: OVERLAP_AFTER_MS,
    maxWaiting: MAX_WAITING,
    run: (items) => this.voidAll(items),
    isItemFault: isRefusedByData,
  });

  constructor(
    private readonly pool: Pool,
    private readonly journal: Journal,
  ) {}

  complete(completion: Completion): Promise<boolean> {
    return this.completions.submit(completion);
  }

  void(voiding: Voiding): Promise<boolean> {
    return this.voidings.submit(voiding);
  }

  private completeAll(items: readonly Completion[]): Promise<boolean[]> {
    return inTransactionByIndex(this.pool, async (client) => {
      await lockCreditAccounts(client, items);
      const done = await this.queueAll(client, items);
      const postings = [...done.values()].flatMap((row) => executed(toPaymentMoney(row)));
      await this.journal.append(client, postings);
      if (done.size > 0) await notifyQueued(client);
      return items.map(({ claim }) => done.has(claim.paymentId));
    });
  }

  private async queueAll(client: PoolClient, items: readonly Completion[]): Promise<ReadonlyMap<string, PaymentMoneyRow>> {
    const { rows } = await client.query<PaymentMoneyRow>({
      name: 'payments.complete_all',
      text: `WITH item AS (
        SELECT * FROM json_to_recordset($1::json) AS item (id uuid, attempt int, holder text, status int, body text, media_type text, retention_ms double precision,
          from_state text)
      ), done AS (
        UPDATE payments SET state = 'queued', executed_at = now(), queued_at = now(), answer_status = item.status,
          answer_body = CASE WHEN item.media_type IS NULL THEN convert_to(item.body, 'UTF8') ELSE decode(item.body, 'base64') END,
          answer_media_type = item.media_type, lease_holder = NULL, lease_expires_at = NULL,
          answer_expires_at = ${VALID_UNTIL} + make_interval(secs => item.retention_ms / 1000)
        FROM item WHERE payments.id = item.id AND payments.state = item.from_state AND payments.attempt = item.attempt
          AND payments.lease_holder = item.holder
        RETURNING payments.id, payments.attempt, item.holder, item.status, operation, operation_id, payer, amount_atomic, price_atomic, round, settlement_mode, rail
      ), events AS (
        INSERT INTO payment_events (payment_id, attempt, kind, from_state, to_state, actor, detail)
        SELECT id, attempt, 'executed', 'claimed', 'queued', holder, jsonb_build_object('answerStatus', status) FROM done
      )
      SELECT ${PAYMENT_MONEY_COLUMNS} FROM done`,
      values: [
        JSON.stringify(
          items.map(({ claim, answer, retentionMs }) => ({
            ...identity(claim),
            status: answer.status,
            // JSON holds text only, so other bytes travel as base64.
            body: answer.body.toString(answer.mediaType === null ? 'utf8' : 'base64'),
            media_type: answer.mediaType,
            retention_ms: retentionMs,
          })),
        ),
      ],
    });
    return new Map(rows.map((row) => [row.id, row]));
  }

  private voidAll(items: readonly Voiding[]): Promise<boolean[]> {
    return inTransactionByIndex(this.pool, async (client) => {
      await lockCreditAccounts(client, items);
      const { rows } = await client.query<{ id: string }>({
        name: 'payments.void_all',
        text: `WITH item AS (
        SELECT * FROM json_to_recordset($1::json) AS item (id uuid, attempt int, holder text, status int, body text, code text,
          retryable boolean, actor text, from_state text)
      ), done AS (
        UPDATE payments SET state = 'voided', void_code = item.code, void_retryable = item.retryable, answer_status = item.status,
          answer_body = convert_to(item.body, 'UTF8'), answer_expires_at = ${VALID_UNTIL}, lease_holder = NULL, lease_expires_at = NULL
        FROM item WHERE payments.id = item.id AND payments.state = item.from_state AND payments.attempt = item.attempt
          AND payments.lease_holder = item.holder
        RETURNING payments.id, payments.attempt, item.actor, item.code, item.retryable
      ), events AS (
        INSERT INTO payment_events (payment_id, attempt, kind, from_state, to_state, actor, detail)
        SELECT id, attempt, 'voided', 'claimed', 'voided', actor, jsonb_build_object('code', code, 'retryable', retryable) FROM done
      )
      SELECT id FROM done`,
        values: [
          JSON.stringify(
            items.map(({ claim, verdict: { code, retryable, answer, actor } }) => ({
              ...identity(claim),
              ...{ status: answer.status, body: answer.body.toString('utf8'), code, retryable, actor },
            })),
          ),
        ],
      });
      const done = new Set(rows.map(({ id }) => id));
      await notifyPaymentsChanged(client, [...done]);
      return items.map(({ claim }) => done.has(claim.paymentId));
    });
  }
}

/**
 * The state is part of each row, because as a constant it would match the index of all claims, which holds those that
 * ended since the last vacuum too.
 */
const identity = ({ paymentId, attempt, leaseHolder }: ClaimRef) => ({
  id: paymentId,
  attempt,
  holder: leaseHolder,
  from_state: 'claimed',
});

/** Calls on credit change their wallet's account; batches take those rows in one order, so that none waits for another in a ring. */
async function lockCreditAccounts(client: PoolClient, items: readonly { readonly claim: ClaimRef }[]): Promise<void> {
  const wallets = new Set(items.flatMap(({ claim }) => claim.creditWallet ?? []));
  if (wallets.size === 0) return;
  await client.query({
    name: 'payments.lock_credit_accounts',
    text: 'SELECT FROM credit_accounts WHERE wallet = ANY ($1::text[]) ORDER BY wallet FOR UPDATE',
    values: [[...wallets]],
  });
}
