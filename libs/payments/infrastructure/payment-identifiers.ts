import type { Pool, PoolClient } from 'pg';
import type { HeldIdentifier } from '../application/ports/payment-store';
import type { Caip2, Hex } from '../domain/networks';
import type { PaymentKey } from '../domain/payment';
import type { ClaimItem } from './claim-facts';
import { PAYMENT_COLUMNS, toPayment, type PaymentRow } from './payment-rows';

/** A payment that was never done or never paid lets go of its identifier. The unique index has the same condition. */
const HOLDS = `payment_identifier IS NOT NULL
  AND (outcome IS NULL OR outcome = 'settled' OR (outcome = 'voided' AND NOT void_retryable))`;

interface HolderRow extends PaymentRow {
  method: string;
  path: string;
  body_sha256: string;
}

/** The payment of this wallet that holds the identifier, with the request that it was for. */
export async function findByIdentifier(pool: Pool, key: PaymentKey, identifier: string): Promise<HeldIdentifier | null> {
  const { rows } = await pool.query<HolderRow>({
    name: 'payments.find_by_identifier',
    text: `SELECT ${PAYMENT_COLUMNS}, method, path, body_sha256 FROM payments
      WHERE network = $1 AND payer = $2 AND payment_identifier = $3 AND ${HOLDS}`,
    values: [key.network, key.payer, identifier],
  });
  const row = rows[0];
  return row === undefined ? null : { payment: toPayment(row), method: row.method, path: row.path, bodySha256: row.body_sha256 };
}

export const identifierKey = (payer: Hex, identifier: string): string => `${payer}:${identifier}`;

/** Which authorization (by its nonce) holds each identifier that is asked for. Read after the locks of the payers. */
export async function heldIdentifiers(
  client: PoolClient,
  network: Caip2,
  items: readonly ClaimItem[],
): Promise<Map<string, Hex>> {
  const asked = items.flatMap(({ claim: { key, paymentIdentifier } }) =>
    paymentIdentifier === null ? [] : [{ payer: key.payer, identifier: paymentIdentifier }],
  );
  if (asked.length === 0) return new Map();
  const { rows } = await client.query<{ payer: Hex; payment_identifier: string; nonce: Hex }>(
    `SELECT payments.payer, payments.payment_identifier, payments.nonce
     FROM unnest($2::text[], $3::text[]) AS asked (payer, identifier)
     JOIN payments ON network = $1 AND payments.payer = asked.payer AND payment_identifier = asked.identifier AND ${HOLDS}`,
    [network, asked.map(({ payer }) => payer), asked.map(({ identifier }) => identifier)],
  );
  return new Map(rows.map((row) => [identifierKey(row.payer, row.payment_identifier), row.nonce]));
}
