import { randomUUID } from 'node:crypto';
import type { Pool, PoolClient } from 'pg';
import { Batcher } from '@tollbox/platform/database/batcher';
import { isRefusedByData } from '@tollbox/platform/database/sql-errors';
import { inTransaction } from '@tollbox/platform/database/transaction';
import { uuidV7 } from '@tollbox/platform/database/uuid-v7';
import type { ClaimResult } from '../application/ports/payment-store';
import { ClaimDecisions } from '../domain/claim-decision';
import type { Caip2, Hex } from '../domain/networks';
import type { Payment, SettlementMode } from '../domain/payment';
import { readClaimFacts, type ClaimItem } from './claim-facts';
import { heldIdentifiers } from './payment-identifiers';
import { appendPaymentEvent, PAYMENT_COLUMNS, toPayment, type PaymentRow } from './payment-rows';

const MAX_BATCH = 128;
const MAX_WAITING = 10_000;
const OVERLAP_AFTER_MS = 100;

const keyText = (payer: string, nonce: string): string => `${payer}:${nonce}`;

/**
 * Claims many authorizations in one transaction: the locks of all payers in one order, what is known of them, a decision
 * for each, one insert. The unique key has the last word.
 */
export class PaymentClaims {
  private readonly batcher = new Batcher<ClaimItem, ClaimResult>({
    maxSize: MAX_BATCH,
    maxInFlight: 4,
    overlapAfterMs: OVERLAP_AFTER_MS,
    maxWaiting: MAX_WAITING,
    run: (items) => this.claimAll(items),
    isItemFault: isRefusedByData,
  });

  constructor(private readonly pool: Pool) {}

  claim(item: ClaimItem): Promise<ClaimResult> {
    return this.batcher.submit(item);
  }

  private async claimAll(items: readonly ClaimItem[]): Promise<ClaimResult[]> {
    const [first] = items;
    if (first === undefined) return [];
    const { network, asset } = first.claim.key;
    if (items.some(({ claim: { key } }) => key.network !== network || key.asset !== asset))
      throw new Error('one installation has one network and one asset');
    return inTransaction(this.pool, (client) => this.claimLocked(client, network, asset, items));
  }

  private async claimLocked(client: PoolClient, network: Caip2, asset: Hex, items: readonly ClaimItem[]): Promise<ClaimResult[]> {
    const facts = await readClaimFacts(client, network, asset, items);
    const desk = new ClaimDecisions(facts.payers, facts.exposureAtomic, await heldIdentifiers(client, network, items));
    const decided = items.map(({ claim, funds, limits }) => {
      const { payer, nonce } = claim.key;
      const known = facts.known.get(keyText(payer, nonce)) ?? null;
      const { valueAtomic: amountAtomic } = claim.authorization;
      const mayAnswerEarly = claim.mayAnswerEarly && !facts.isSettlementPaused;
      return { known, decision: desk.decide({ ...claim, ...funds, payer, nonce, amountAtomic, mayAnswerEarly }, known, limits) };
    });
    const knownPayments = await findAll(
      client,
      decided.flatMap(({ known }) => known?.id ?? []),
    );
    const inserted = new Map<string, NewPayment>();
    const results: (() => ClaimResult)[] = [];
    for (const [index, item] of items.entries()) {
      const { known, decision } = at(decided, index);
      const key = keyText(item.claim.key.payer, item.claim.key.nonce);
      const existing = known === null ? undefined : knownPayments.get(known.id);
      if (decision.kind !== 'claim' && decision.kind !== 'existing') {
        results.push(() => decision);
      } else if (decision.kind === 'existing') {
        results.push(() => ({ kind: 'existing', payment: inserted.get(key)?.payment ?? existingOr(existing) }));
      } else if (decision.isAgain) {
        const payment = await claimAgain(client, existingOr(existing), item, decision.settlementMode);
        inserted.set(key, { item, payment });
        results.push(() => ({ kind: 'claimed', payment }));
      } else {
        const payment = newPayment(item, decision.settlementMode);
        inserted.set(key, { item, payment });
        results.push(() => ({ kind: 'claimed', payment }));
      }
    }
    await insertAll(
      client,
      [...inserted.values()].filter(({ payment }) => payment.attempt === 1),
    );
    return results.map((result) => result());
  }
}

interface NewPayment {
  readonly item: ClaimItem;
  readonly payment: Payment;
}

function at<Item>(items: readonly Item[], index: number): Item {
  const item = items[index];
  if (item === undefined) throw new Error('a claim has no decision');
  return item;
}

function existingOr(payment: Payment | undefined): Payment {
  if (payment === undefined) throw new Error('a known payment is gone');
  return payment;
}

function newPayment({ claim, funds, limits }: ClaimItem, settlementMode: SettlementMode): Payment {
  return {
    id: uuidV7(),
    rail: 'x402',
    key: claim.key,
    state: 'claimed',
    attempt: 1,
    operation: claim.operation,
    operationId: uuidV7(),
    x402Version: claim.x402Version,
    authorization: claim.authorization,
    signature: claim.signature,
    payerKind: claim.payerKind,
    priceAtomic: claim.priceAtomic,
    fingerprint: claim.fingerprint,
    leaseHolder: limits.leaseHolder,
    leaseExpired: false,
    answerExpired: false,
    voidCode: null,
    voidRetryable: false,
    failReason: null,
    transactionHash: null,
    claimedAtBlock: funds.blockNumber,
    settlementTransactionId: null,
    settlementMode,
    round: 1,
  };
}

async function findAll(client: PoolClient, ids: readonly string[]): Promise<ReadonlyMap<string, Payment>> {
  if (ids.length === 0) return new Map();
  const { rows } = await client.query<PaymentRow>(`SELECT ${PAYMENT_COLUMNS} FROM payments WHERE id = ANY ($1::uuid[])`, [ids]);
  return new Map(rows.map((row) => [row.id, toPayment(row)]));
}

/** JSON, because one text is the cheapest parameter to write here, and columns are the database's to make of it. */
async function insertAll(client: PoolClient, payments: readonly NewPayment[]): Promise<void> {
  if (payments.length === 0) return;
  await client.query({
    name: 'payments.claim_all',
    text: `WITH asked AS (
      SELECT * FROM json_to_recordset($1::json) AS asked (id uuid, network text, asset text, payer text, nonce text, operation text,
        operation_id uuid, x402_version int, pay_to text, amount_atomic numeric, price_atomic numeric, valid_after numeric,
        valid_before numeric, signature text, payer_kind text, fingerprint text, method text, path text, body_sha256 text,
        settlement_mode text, lease_holder text, lease_ms double precision, claimed_at_block bigint, fee_atomic numeric, price_list_version int,
        payment_identifier text)
    ), claimed AS (
      INSERT INTO payments (id, network, asset, payer, nonce, state, attempt, operation, operation_id, x402_version, pay_to, amount_atomic,
        price_atomic, valid_after, valid_before, signature, payer_kind, fingerprint, method, path, body_sha256, settlement_mode,
        lease_holder, lease_expires_at, claimed_at_block, fee_atomic, price_list_version, payment_identifier)
      SELECT id, network, asset, payer, nonce, 'claimed', 1, operation, operation_id, x402_version, pay_to, amount_atomic,
        price_atomic, valid_after, valid_before, signature, payer_kind, fingerprint, method, path, body_sha256, settlement_mode,
        lease_holder, now() + make_interval(secs => lease_ms / 1000), claimed_at_block, fee_atomic, price_list_version, payment_identifier
      FROM asked
    )
    INSERT INTO payment_events (payment_id, attempt, kind, to_state, actor, detail)
    SELECT id, 1, 'claimed', 'claimed', lease_holder, jsonb_build_object('operation', operation, 'operationId', operation_id,
      'priceAtomic', price_atomic::text, 'amountAtomic', amount_atomic::text, 'settlementMode', settlement_mode)
    FROM asked`,
    values: [JSON.stringify(payments.map(rowOf))],
  });
}

function rowOf({ item: { claim, funds, limits }, payment }: NewPayment) {
  const { authorization } = claim;
  return {
    id: payment.id,
    ...claim.key,
    operation: claim.operation,
    operation_id: payment.operationId,
    x402_version: claim.x402Version,
    pay_to: authorization.to,
    amount_atomic: authorization.valueAtomic.toString(),
    price_atomic: claim.priceAtomic.toString(),
    valid_after: authorization.validAfter.toString(),
    valid_before: authorization.validBefore.toString(),
    signature: claim.signature,
    payer_kind: claim.payerKind,
    fingerprint: claim.fingerprint,
    method: claim.method,
    path: claim.path,
    body_sha256: claim.bodySha256,
    settlement_mode: payment.settlementMode,
    lease_holder: limits.leaseHolder,
    lease_ms: limits.leaseMs,
    claimed_at_block: funds.blockNumber.toString(),
    fee_atomic: claim.feeAtomic.toString(),
    price_list_version: claim.priceListVersion,
    payment_identifier: claim.paymentIdentifier,
  };
}

async function claimAgain(
  client: PoolClient,
  voided: Payment,
  { claim, funds, limits }: ClaimItem,
  mode: SettlementMode,
): Promise<Payment> {
  const { rows } = await client.query<PaymentRow>(
    `UPDATE payments SET state = 'claimed', attempt = attempt + 1, operation_id = $2, price_atomic = $3, signature = $4,
       void_code = NULL, void_retryable = false, answer_status = NULL, answer_body = NULL, answer_media_type = NULL, answer_expires_at = NULL,
       lease_holder = $5, lease_expires_at = now() + make_interval(secs => $6::double precision / 1000),
       claimed_at = now(), claimed_at_block = $7, settlement_mode = $9,
       fee_atomic = $10, price_list_version = $11
     WHERE id = $1 AND state = 'voided' AND attempt = $8
     RETURNING ${PAYMENT_COLUMNS}`,
    [
      voided.id,
      randomUUID(),
      claim.priceAtomic.toString(),
      claim.signature,
      limits.leaseHolder,
      limits.leaseMs,
      funds.blockNumber.toString(),
      voided.attempt,
      mode,
      claim.feeAtomic.toString(),
      claim.priceListVersion,
    ],
  );
  const row = rows[0];
  if (row === undefined) throw new Error('a claim under the payer lock returned no row');
  await appendPaymentEvent(client, {
    paymentId: row.id,
    attempt: row.attempt,
    kind: 'claimed',
    from: 'voided',
    to: 'claimed',
    actor: limits.leaseHolder,
    detail: {
      operation: row.operation,
      operationId: row.operation_id,
      priceAtomic: row.price_atomic,
      amountAtomic: row.amount_atomic,
      settlementMode: mode,
    },
  });
  return toPayment(row);
}
