import { randomUUID } from 'node:crypto';
import type { Pool, PoolClient } from 'pg';
import type { Posting } from '@tollbox/ledger/domain/posting';
import { decided, gasMoved } from '@tollbox/ledger/domain/postings/receipt';
import type { Journal } from '@tollbox/ledger/infrastructure/journal';
import type { AuditLog } from '@tollbox/platform/audit/audit-log';
import { inTransaction } from '@tollbox/platform/database/transaction';
import type { Decision, ResolutionStore } from '../application/resolve-item';
import type { ItemClass } from '../domain/item';

interface ClosedItem {
  subject: string;
  expected: string | null;
  actual: string | null;
}

/** What people decided, in PostgreSQL: item, log, bookings and audit entry in one transaction. */
export class ResolutionsRepository implements ResolutionStore {
  constructor(
    private readonly pool: Pool,
    private readonly journal: Journal,
    private readonly audit: AuditLog,
  ) {}

  async classOf(itemId: string): Promise<ItemClass | undefined> {
    const { rows } = await this.pool.query<{ class: ItemClass }>('SELECT class FROM reconciliation_items WHERE id = $1', [
      itemId,
    ]);
    return rows[0]?.class;
  }

  close(itemId: string, itemClass: ItemClass, decision: Decision, state: 'resolved' | 'ignored'): Promise<boolean> {
    return inTransaction(this.pool, async (client) => {
      // The receipt before the item, as runs lock them.
      const receipt = itemClass === 'unmatched_receipt' ? await lockReceipt(client, itemId) : null;
      const { rows } = await client.query<ClosedItem>(
        `UPDATE reconciliation_items SET state = $2, resolution = $3, closed_at = now()
         WHERE id = $1 AND state = 'open' RETURNING subject, expected, actual`,
        [itemId, state, decision.resolution],
      );
      const item = rows[0];
      if (item === undefined) return false;
      const postings = receipt === null ? gasPostings(itemClass, item, decision) : receiptPostings(receipt, decision);
      await this.journal.append(client, postings);
      await client.query(
        `INSERT INTO reconciliation_item_events (item_id, from_state, to_state, resolution, actor, reason, detail)
         VALUES ($1, 'open', $2, $3, $4, $5, $6)`,
        [itemId, state, decision.resolution, decision.actor, decision.reason, JSON.stringify({ booked: postings.length > 0 })],
      );
      await this.audit.record(
        {
          actorKind: 'staff',
          actor: decision.keyId,
          action: 'reconciliation.item_resolved',
          subjectKind: 'reconciliation_item',
          subject: itemId,
          outcome: 'ok',
          detail: { resolution: decision.resolution, reason: decision.reason },
          requestId: decision.requestId,
          ip: decision.ip,
        },
        client,
      );
      return true;
    });
  }
}

interface LockedReceipt {
  id: string;
  from_address: string;
  value_atomic: string;
  round: number;
}

/** Null when a run has explained the receipt otherwise since; its item is closed then, too. */
async function lockReceipt(client: PoolClient, itemId: string): Promise<LockedReceipt | null> {
  const { rows } = await client.query<LockedReceipt>(
    `SELECT r.id, from_address, value_atomic, round FROM chain_receipts r JOIN reconciliation_items item ON item.subject = r.id::text
     WHERE item.id = $1 AND r.state = 'unmatched' FOR UPDATE OF r`,
    [itemId],
  );
  return rows[0] ?? null;
}

function receiptPostings(receipt: LockedReceipt, { resolution }: Decision): Posting[] {
  if (resolution !== 'owner_money' && resolution !== 'refund_due') return [];
  const { id, from_address: wallet, value_atomic: value, round } = receipt;
  return decided({ id, wallet, amountAtomic: BigInt(value), round }, resolution);
}

function gasPostings(itemClass: ItemClass, { expected, actual }: ClosedItem, { resolution }: Decision): Posting[] {
  if (itemClass !== 'gas_balance' || resolution !== 'owner_money') return [];
  return gasMoved(randomUUID(), 1, BigInt(actual ?? 0) - BigInt(expected ?? 0));
}
