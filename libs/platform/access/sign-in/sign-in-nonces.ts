import { Inject, Injectable } from '@nestjs/common';
import type { Pool } from 'pg';
import { PG_POOL } from '../../database/pg-pool';
import { expiresAtMs, type SignInChallenge } from './sign-in-message';

/** Expired challenges that one new challenge removes: more than it adds, so that the table shrinks by itself. */
const REMOVED_PER_ISSUE = 5;

/** Challenges that wait for their one use. Any gateway may take what another gave out. */
@Injectable()
export class SignInNonces {
  constructor(@Inject(PG_POOL) private readonly pool: Pool) {}

  async store(challenge: SignInChallenge): Promise<void> {
    await this.pool.query(
      `WITH removed AS (DELETE FROM sign_in_nonces WHERE nonce IN (SELECT nonce FROM sign_in_nonces WHERE expires_at <= $4
         ORDER BY expires_at LIMIT ${REMOVED_PER_ISSUE} FOR UPDATE SKIP LOCKED))
       INSERT INTO sign_in_nonces (nonce, method, uri, issued_at, expires_at) VALUES ($1, $2, $3, $4, $5)`,
      [challenge.nonce, challenge.method, challenge.uri, new Date(challenge.issuedAtMs), new Date(expiresAtMs(challenge))],
    );
  }

  /** The challenge with this nonce, unless it is used or over. */
  async find(nonce: string, nowMs: number): Promise<SignInChallenge | undefined> {
    const { rows } = await this.pool.query<{ method: string; uri: string; issued_at: Date }>(
      'SELECT method, uri, issued_at FROM sign_in_nonces WHERE nonce = $1 AND expires_at > $2',
      [nonce, new Date(nowMs)],
    );
    const row = rows[0];
    return row === undefined ? undefined : { nonce, method: row.method, uri: row.uri, issuedAtMs: row.issued_at.getTime() };
  }

  /** Uses the challenge up. True for exactly one of all who try. */
  async use(nonce: string): Promise<boolean> {
    const { rowCount } = await this.pool.query('DELETE FROM sign_in_nonces WHERE nonce = $1', [nonce]);
    return rowCount === 1;
  }
}
