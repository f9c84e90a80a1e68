import type { Pool } from 'pg';
import type { StaffCaller } from '@tollbox/platform/access/current-staff.decorator';
import type { AuditLog } from '@tollbox/platform/audit/audit-log';
import { inTransaction } from '@tollbox/platform/database/transaction';
import type { SettlementControl, SettlementOverview } from '../application/ports/settlement-control';
import { notifyQueued } from './payment-rows';

interface OverviewRow {
  paused_at: Date | null;
  paused_by: string | null;
  queued: number;
  oldest_queued_at: Date | null;
  in_flight: number;
  unknown: number;
}

interface KeyRow {
  signer: string;
  open: number;
  lowest_nonce: string | null;
  oldest_at: Date | null;
  held_by: string | null;
}

export class PostgresSettlementControl implements SettlementControl {
  constructor(
    private readonly pool: Pool,
    /** CAIP-2 name in payments, configuration name in leases. */
    private readonly network: { readonly caip2: string; readonly name: string },
    private readonly audit: AuditLog,
  ) {}

  async overview(): Promise<SettlementOverview> {
    const [{ rows }, keys] = await Promise.all([
      this.pool.query<OverviewRow>(
        `SELECT settlement_paused_at AS paused_at, settlement_paused_by AS paused_by,
           (SELECT count(*)::int FROM payments WHERE outcome IS NULL AND state = 'queued' AND network = $1) AS queued,
           (SELECT min(queued_at) FROM payments WHERE outcome IS NULL AND state = 'queued' AND network = $1) AS oldest_queued_at,
           (SELECT count(*)::int FROM payments WHERE outcome IS NULL AND state IN ('broadcast', 'unknown') AND network = $1) AS in_flight,
           (SELECT count(*)::int FROM payments WHERE outcome IS NULL AND state = 'unknown' AND network = $1) AS unknown
         FROM installation`,
        [this.network.caip2],
      ),
      this.keys(),
    ]);
    const row = rows[0];
    if (row === undefined) throw new Error('the installation row is missing');
    return {
      pausedAt: row.paused_at?.toISOString() ?? null,
      pausedBy: row.paused_by,
      queuedPayments: row.queued,
      oldestQueuedAt: row.oldest_queued_at?.toISOString() ?? null,
      paymentsInFlight: row.in_flight,
      unknownPayments: row.unknown,
      keys,
    };
  }

  /** Keys that hold a lease or have a transaction on its way. */
  private async keys(): Promise<SettlementOverview['keys']> {
    const { rows } = await this.pool.query<KeyRow>(
      `WITH open AS (
         SELECT signer, count(DISTINCT batch_id)::int AS open, min(evm_nonce) AS lowest_nonce, min(stored_at) AS oldest_at
         FROM settlement_transactions WHERE network = $1 AND state IN ('stored', 'sent') GROUP BY signer
       ), held AS (
         SELECT split_part(name, ':', 3) AS signer, holder FROM leases WHERE name LIKE 'settler:' || $2 || ':%' AND expires_at > now()
       )
       SELECT signer, coalesce(open, 0) AS open, lowest_nonce, oldest_at, holder AS held_by
       FROM open FULL JOIN held USING (signer) ORDER BY signer`,
      [this.network.caip2, this.network.name],
    );
    return rows.map((row) => ({
      address: row.signer,
      openTransactions: row.open,
      lowestOpenNonce: row.lowest_nonce === null ? null : BigInt(row.lowest_nonce),
      oldestOpenAt: row.oldest_at?.toISOString() ?? null,
      heldBy: row.held_by,
    }));
  }

  pause(staff: StaffCaller): Promise<SettlementOverview> {
    const by = [staff.name];
    return this.change('settlement.pause', staff, 'settlement_paused_at = now(), settlement_paused_by = $1', by, 'IS NULL');
  }

  resume(staff: StaffCaller): Promise<SettlementOverview> {
    return this.change('settlement.resume', staff, 'settlement_paused_at = NULL, settlement_paused_by = NULL', [], 'IS NOT NULL');
  }

  private async change(
    action: string,
    staff: StaffCaller,
    set: string,
    values: readonly unknown[],
    from: 'IS NULL' | 'IS NOT NULL',
  ): Promise<SettlementOverview> {
    await inTransaction(this.pool, async (client) => {
      const { rows } = await client.query<{ id: string }>('SELECT id FROM installation FOR UPDATE');
      await client.query(`UPDATE installation SET ${set} WHERE settlement_paused_at ${from}`, [...values]);
      const { keyId, name, role, requestId, ip } = staff;
      const subject = { subjectKind: 'installation', subject: rows[0]?.id ?? '' };
      await this.audit.record(
        { actorKind: 'staff', actor: keyId, action, ...subject, outcome: 'ok', detail: { name, role }, requestId, ip },
        client,
      );
      await notifyQueued(client);
    });
    return this.overview();
  }
}
