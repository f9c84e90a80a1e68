import { randomBytes, randomUUID } from 'node:crypto';
import type { Pool } from 'pg';

/** A payment row as the gateway would have claimed it, at will brought to its end. */
export async function insertPayment(pool: Pool, options: { payer: string; settled?: boolean }) {
  const [id, operationId] = [randomUUID(), randomUUID()];
  await pool.query(
    `INSERT INTO payments (id, network, asset, payer, nonce, state, operation, operation_id, x402_version, pay_to, amount_atomic, price_atomic,
       valid_after, valid_before, signature, payer_kind, fingerprint, method, path, body_sha256, settlement_mode, lease_holder,
       lease_expires_at, claimed_at_block)
     VALUES ($1, 'eip155:84532', '0xa', $2, $3, 'claimed', 'sandbox.exec', $4, 2, '0xb', 1200, 1000, 0, 9999999999, '0x', 'eoa', 'f',
       'POST', '/p', 'b', 'confirm', 'spec', now() + interval '1 hour', 1)`,
    [id, options.payer.toLowerCase(), `0x${randomBytes(32).toString('hex')}`, operationId],
  );
  if (options.settled === true) {
    const answered = `answer_status = 200, answer_expires_at = now() + interval '1 day', lease_holder = NULL, lease_expires_at = NULL`;
    await pool.query(`UPDATE payments SET state = 'queued', ${answered} WHERE id = $1`, [id]);
    await pool.query(
      `UPDATE payments SET state = 'settled', settled_at = now(), block_number = 7, transaction_hash = $2, block_hash = $3 WHERE id = $1`,
      [id, `0x${'ab'.repeat(32)}`, `0x${'cd'.repeat(32)}`],
    );
  }
  return { id, operationId };
}
