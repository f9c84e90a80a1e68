import type { Pool, PoolClient } from 'pg';
import { TOPUP_OPERATION } from '@tollbox/ledger/domain/postings/payment';
import { inTransaction } from '@tollbox/platform/database/transaction';
import type { Acceptance, CreditBalance, CreditEntry, CreditStore, CreditToken, TopUp } from '../application/ports/credit-store';

interface TopUpRow {
  state: 'accepted' | 'abandoned';
  wallet: string;
  amount_atomic: string;
  token_sha256: string;
}

const TOKEN_COLUMNS = `sha256, wallet, created_at AS "createdAt", revoked_at AS "revokedAt"`;
const FIND_TOKEN = `SELECT ${TOKEN_COLUMNS} FROM credit_tokens WHERE sha256 = $1`;

/** Tokens, top-ups, balances and statements in PostgreSQL. Balances are only read: the journal's trigger writes them. */
export class PostgresCreditStore implements CreditStore {
  constructor(private readonly pool: Pool) {}

  async accept(topUp: TopUp, maxTokensPerWallet: number): Promise<Acceptance> {
    try {
      return await inTransaction(this.pool, async (client): Promise<Acceptance> => {
        const known = await insertTopUp(client, topUp);
        if (known !== null) return known.state;
        await bindToken(client, topUp, maxTokensPerWallet);
        return 'accepted';
      });
    } catch (error) {
      if (error instanceof TokenRefused) return error.reason;
      throw error;
    }
  }

  async findOrAbandon(operationId: string): Promise<TopUp | null> {
    const { rowCount } = await this.pool.query(
      `INSERT INTO credit_topups (operation_id, state) VALUES ($1, 'abandoned') ON CONFLICT DO NOTHING`,
      [operationId],
    );
    if (rowCount === 1) return null;
    const { rows } = await this.pool.query<TopUpRow>('SELECT * FROM credit_topups WHERE operation_id = $1', [operationId]);
    const row = rows[0];
    if (row?.state !== 'accepted') return null;
    return { operationId, wallet: row.wallet, amountAtomic: BigInt(row.amount_atomic), tokenSha256: row.token_sha256 };
  }

  async findToken(sha256: string): Promise<CreditToken | null> {
    const { rows } = await this.pool.query<CreditToken>({ name: 'credits.find_token', text: FIND_TOKEN, values: [sha256] });
    return rows[0] ?? null;
  }

  countTokens(wallet: string): Promise<number> {
    return countTokens(this.pool, wallet);
  }

  async listTokens(wallet: string, limit: number): Promise<readonly CreditToken[]> {
    const { rows } = await this.pool.query<CreditToken>(
      `SELECT ${TOKEN_COLUMNS} FROM credit_tokens WHERE wallet = $1 ORDER BY created_at DESC, sha256 LIMIT $2`,
      [wallet, limit],
    );
    return rows;
  }

  async revokeToken(sha256: string, wallet: string): Promise<CreditToken | null> {
    const { rows } = await this.pool.query<CreditToken>(
      `UPDATE credit_tokens SET revoked_at = now() WHERE sha256 = $1 AND wallet = $2 AND revoked_at IS NULL RETURNING ${TOKEN_COLUMNS}`,
      [sha256, wallet],
    );
    const token = rows[0] ?? (await this.findToken(sha256));
    return token?.wallet === wallet ? token : null;
  }

  async balance(wallet: string): Promise<CreditBalance> {
    const { rows } = await this.pool.query<Record<'balance' | 'held' | 'debt' | 'pending', string | null>>(
      `SELECT balance_atomic AS balance, held_atomic AS held, debt_atomic AS debt,
         (SELECT sum(CASE WHEN operation = $2 THEN amount_atomic ELSE amount_atomic - price_atomic END) FROM payments
          WHERE payer = $1 AND outcome IS NULL AND state IN ('queued', 'broadcast', 'unknown')) AS pending
       FROM credit_accounts WHERE wallet = $1`,
      [wallet, TOPUP_OPERATION],
    );
    const { balance, held, debt, pending } = rows[0] ?? { balance: null, held: null, debt: null, pending: null };
    return {
      balanceAtomic: BigInt(balance ?? 0),
      heldAtomic: BigInt(held ?? 0),
      pendingAtomic: BigInt(pending ?? 0),
      debtAtomic: BigInt(debt ?? 0),
    };
  }

  async entries(wallet: string, limit: number, before: bigint | null): Promise<readonly CreditEntry[]> {
    const { rows } = await this.pool.query<{
      id: string;
      at: Date;
      event: string;
      amount: string;
      balance_after: string;
      operation: string | null;
      operation_id: string | null;
      payment_id: string | null;
    }>(
      `SELECT e.id, e.at, e.event, e.amount_atomic AS amount, e.balance_after_atomic AS balance_after, p.operation, e.operation_id, p.id AS payment_id
       FROM credit_entries e LEFT JOIN payments p ON p.id = e.subject
       WHERE e.wallet = $1 AND ($3::bigint IS NULL OR e.id < $3) ORDER BY e.id DESC LIMIT $2`,
      [wallet, limit, before?.toString() ?? null],
    );
    return rows.map((row) => ({
      id: BigInt(row.id),
      at: row.at,
      event: row.event,
      amountAtomic: BigInt(row.amount),
      balanceAfterAtomic: BigInt(row.balance_after),
      operation: row.operation,
      operationId: row.operation_id,
      paymentId: row.payment_id,
    }));
  }
}

/** Rolls the top-up back: one whose token is refused leaves no row. */
class TokenRefused extends Error {
  constructor(readonly reason: 'token_taken' | 'too_many_tokens') {
    super(reason);
  }
}

async function bindToken(client: PoolClient, topUp: TopUp, maxTokensPerWallet: number): Promise<void> {
  // Top-ups of one wallet come one after the other here, so that they cannot pass the limit of tokens together.
  await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`credit-tokens:${topUp.wallet}`]);
  const { rows } = await client.query<CreditToken>(FIND_TOKEN, [topUp.tokenSha256]);
  const token = rows[0];
  if (token !== undefined) {
    if (token.wallet !== topUp.wallet || token.revokedAt !== null) throw new TokenRefused('token_taken');
    return;
  }
  if ((await countTokens(client, topUp.wallet)) >= maxTokensPerWallet) throw new TokenRefused('too_many_tokens');
  const inserted = await client.query('INSERT INTO credit_tokens (sha256, wallet) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
    topUp.tokenSha256,
    topUp.wallet,
  ]);
  if (inserted.rowCount !== 1) throw new TokenRefused('token_taken');
}

/** Null when the row was inserted; the row that was there before otherwise. */
async function insertTopUp(client: PoolClient, topUp: TopUp): Promise<Pick<TopUpRow, 'state'> | null> {
  const { rowCount } = await client.query(
    `INSERT INTO credit_topups (operation_id, state, wallet, amount_atomic, token_sha256) VALUES ($1, 'accepted', $2, $3, $4) ON CONFLICT DO NOTHING`,
    [topUp.operationId, topUp.wallet, topUp.amountAtomic.toString(), topUp.tokenSha256],
  );
  if (rowCount === 1) return null;
  const { rows } = await client.query<Pick<TopUpRow, 'state'>>('SELECT state FROM credit_topups WHERE operation_id = $1', [
    topUp.operationId,
  ]);
  return rows[0] ?? null;
}

/** Tokens that are good. */
async function countTokens(db: Pool | PoolClient, wallet: string): Promise<number> {
  const { rows } = await db.query<{ count: number }>(
    'SELECT count(*)::int AS count FROM credit_tokens WHERE wallet = $1 AND revoked_at IS NULL',
    [wallet],
  );
  return rows[0]?.count ?? 0;
}
