import type { PoolClient } from 'pg';
import type { KnownPayment, PayerFacts, ReservingPayment } from '../domain/claim-decision';
import type { Caip2, Hex } from '../domain/networks';
import type { SettlementMode } from '../domain/payment';
import type { PaymentState } from '../domain/payment-state';
import type { ClaimLimits, FundsAtBlock, NewClaim } from '../application/ports/payment-store';

export interface ClaimItem {
  readonly claim: NewClaim;
  readonly funds: FundsAtBlock;
  readonly limits: ClaimLimits;
}

export interface ClaimFacts {
  readonly payers: ReadonlyMap<Hex, PayerFacts>;
  /** By `payer:nonce`. */
  readonly known: ReadonlyMap<string, KnownPayment & { readonly id: string }>;
  /** Sum of all unsettled payments whose answers are out, or may soon be. */
  readonly exposureAtomic: bigint;
  /** Nothing is sent now: what is answered early can run out before it is paid. */
  readonly isSettlementPaused: boolean;
}

interface FactRow {
  kind: 'known' | 'reserving' | 'payer' | 'exposure';
  payer: Hex | null;
  nonce: Hex | null;
  id: string | null;
  state: PaymentState | null;
  fingerprint: string | null;
  amount: string | null;
  block_number: string | null;
  mode: SettlementMode | null;
  refused: number | null;
  yes: boolean | null;
  debt: boolean | null;
}

const IN_BOOKS = `payments.network = $1 AND payments.asset = $2`;

/**
 * The plan of this statement is kept, and it is made while the table is small: free to choose, PostgreSQL reads all of it and
 * goes on doing so when it has grown. OFFSET keeps each lookup one of its own, by the index that has all of its columns; a
 * scalar subquery, unlike EXISTS, is never turned into a table of everything that fits. What must not be found by the index of
 * a payer's payments compares the payer as no index can.
 */
const eachOf = (condition: string): string =>
  `CROSS JOIN LATERAL (SELECT * FROM payments WHERE ${IN_BOOKS} AND ${condition} OFFSET 0) AS payments`;
const anyOf = (condition: string): string => `(SELECT 1 FROM payments WHERE ${IN_BOOKS} AND ${condition} LIMIT 1) IS NOT NULL`;

/**
 * One reading of everything that the claims are decided by. A statement of its own after the locks: at READ COMMITTED it
 * sees what the holders before us have committed.
 */
const FACTS = `
  WITH asked AS (SELECT * FROM unnest($3::text[], $4::text[]) AS asked (payer, nonce)),
  payer AS (SELECT * FROM unnest($5::text[], $6::bigint[], $7::int[]) AS payer (payer, since_block, refused_limit))
  SELECT 'known' AS kind, payments.payer, payments.nonce, payments.id, payments.state, payments.fingerprint, NULL AS amount,
    NULL::bigint AS block_number, NULL AS mode, NULL::int AS refused, payments.void_retryable AS yes, NULL::boolean AS debt
  FROM asked ${eachOf('payments.nonce = asked.nonce AND payments.payer IS NOT DISTINCT FROM asked.payer')}
  UNION ALL
  SELECT 'reserving', payments.payer, payments.nonce, NULL, NULL, NULL, payments.amount_atomic::text, NULL, payments.settlement_mode, NULL, NULL, NULL
  FROM payer ${eachOf(`payments.payer = payer.payer AND payments.outcome IS NULL AND payments.rail <> 'credit'`)}
  UNION ALL
  SELECT 'reserving', payments.payer, payments.nonce, NULL, NULL, NULL, payments.amount_atomic::text, payments.block_number, payments.settlement_mode, NULL, NULL, NULL
  FROM payer ${eachOf(`payments.payer = payer.payer AND payments.outcome = 'settled' AND payments.block_number > payer.since_block`)}
  UNION ALL
  SELECT 'payer', payer.payer, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    (SELECT count(*)::int FROM (SELECT 1 FROM payments WHERE ${IN_BOOKS} AND payments.payer = payer.payer AND outcome = 'failed'
       AND claimed_at > now() - interval '1 hour' LIMIT payer.refused_limit) AS recent),
    ${anyOf(`payments.payer = payer.payer AND outcome = 'settled' AND rail = 'x402'`)},
    ${anyOf(`payments.payer = payer.payer AND outcome = 'failed' AND settlement_mode = 'optimistic' AND debt_cleared_at IS NULL`)}
      OR (SELECT debt_atomic FROM credit_accounts WHERE wallet = payer.payer) > 0
      OR ${anyOf(`payments.payer = payer.payer AND outcome = 'expired' AND settlement_mode = 'optimistic' AND claimed_at > now() - interval '1 day'`)}
  FROM payer
  UNION ALL
  SELECT 'exposure', NULL, NULL, NULL, NULL, NULL, sum(amount_atomic)::text, NULL, NULL, NULL,
    EXISTS (SELECT 1 FROM installation WHERE settlement_paused_at IS NOT NULL), NULL
  FROM payments WHERE $8 AND ${IN_BOOKS} AND settlement_mode = 'optimistic' AND outcome IS NULL`;

/**
 * Takes the locks of all payers in one order, so that batches never wait for each other in a ring, and reads the facts.
 * The installation's lock comes last, and only when an answer may be given early.
 */
export async function readClaimFacts(
  client: PoolClient,
  network: Caip2,
  asset: Hex,
  items: readonly ClaimItem[],
): Promise<ClaimFacts> {
  const payers = new Map<Hex, { sinceBlock: bigint; refusedLimit: number }>();
  for (const { claim, funds, limits } of items) {
    const { sinceBlock = funds.blockNumber, refusedLimit = 0 } = payers.get(claim.key.payer) ?? {};
    payers.set(claim.key.payer, {
      sinceBlock: funds.blockNumber < sinceBlock ? funds.blockNumber : sinceBlock,
      refusedLimit: Math.max(refusedLimit, limits.maxRefusedPerPayerPerHour),
    });
  }
  const mayAnswerEarly = items.some(({ claim }) => claim.mayAnswerEarly && claim.payerKind === 'eoa');
  const locks = [...payers.keys()].map((payer) => `payer:${network}:${asset}:${payer}`).sort();
  if (mayAnswerEarly) locks.push(`unsettled:${network}:${asset}`);
  await client.query({
    name: 'payments.claim_locks',
    text: 'SELECT pg_advisory_xact_lock(hashtextextended(name, 0)) FROM unnest($1::text[]) AS name',
    values: [locks],
  });
  const { rows } = await client.query<FactRow>({
    name: 'payments.claim_facts',
    text: FACTS,
    values: [
      network,
      asset,
      items.map(({ claim }) => claim.key.payer),
      items.map(({ claim }) => claim.key.nonce),
      [...payers.keys()],
      [...payers.values()].map(({ sinceBlock }) => sinceBlock.toString()),
      [...payers.values()].map(({ refusedLimit }) => refusedLimit),
      mayAnswerEarly,
    ],
  });
  return toFacts(rows);
}

function toFacts(rows: readonly FactRow[]): ClaimFacts {
  const payers = new Map<Hex, PayerFacts>();
  const known = new Map<string, KnownPayment & { id: string }>();
  const reserving = new Map<Hex, ReservingPayment[]>();
  let exposureAtomic = 0n;
  let isSettlementPaused = false;
  for (const row of rows) {
    const payer = row.payer ?? '0x';
    switch (row.kind) {
      case 'known':
        known.set(`${payer}:${row.nonce ?? ''}`, {
          id: row.id ?? '',
          state: row.state ?? 'claimed',
          fingerprint: row.fingerprint ?? '',
          voidRetryable: row.yes === true,
        });
        break;
      case 'reserving': {
        const list = reserving.get(payer) ?? [];
        reserving.set(payer, list);
        list.push({
          nonce: row.nonce ?? '0x',
          amountAtomic: BigInt(row.amount ?? 0),
          settledAtBlock: row.block_number === null ? null : BigInt(row.block_number),
          settlementMode: row.mode ?? 'confirm',
        });
        break;
      }
      case 'payer':
        payers.set(payer, {
          reserving: [],
          refusedLastHour: row.refused ?? 0,
          hasSettled: row.yes === true,
          hasDebt: row.debt === true,
        });
        break;
      case 'exposure':
        exposureAtomic = BigInt(row.amount ?? 0);
        isSettlementPaused = row.yes === true;
    }
  }
  for (const [payer, list] of reserving) {
    const facts = payers.get(payer);
    if (facts !== undefined) payers.set(payer, { ...facts, reserving: list });
  }
  return { payers, known, exposureAtomic, isSettlementPaused };
}
