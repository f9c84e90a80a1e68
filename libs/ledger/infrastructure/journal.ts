import type { PoolClient } from 'pg';
import { definitionOf, type AccountCode } from '../domain/accounts';
import type { Posting } from '../domain/posting';

/** Writes postings into the caller's transaction. Run it at READ COMMITTED: a new account may be another one's at the same time. */
export class Journal {
  private readonly accountIds = new Map<string, number>();

  /** @param network CAIP-2 name of the chain whose USDC and ETH the books hold. */
  constructor(private readonly network: string) {}

  /** All rows in one statement. Rejects with the database's unique_violation when one of them was booked before. */
  async append(client: PoolClient, postings: readonly Posting[]): Promise<void> {
    if (postings.length === 0) return;
    const ids = await this.idsOf(client, postings);
    const idOf = (code: AccountCode): number => {
      const id = ids.get(code);
      if (id === undefined) throw new Error(`the ledger has no account ${code}`);
      return id;
    };
    await client.query({
      name: 'journal.append',
      text: `INSERT INTO journal (debit_account, credit_account, amount, subject, event, round, leg, operation_id, wallet, event_at)
        SELECT debit, credit, amount, subject, event, round, leg, operation_id, wallet, coalesce(event_at, now())
        FROM unnest($1::int[], $2::int[], $3::numeric[], $4::uuid[], $5::text[], $6::int[], $7::smallint[], $8::uuid[], $9::text[], $10::timestamptz[])
          AS row (debit, credit, amount, subject, event, round, leg, operation_id, wallet, event_at)`,
      values: [
        postings.map(({ debit }) => idOf(debit)),
        postings.map(({ credit }) => idOf(credit)),
        postings.map(({ amount }) => amount.toString()),
        postings.map(({ subject }) => subject),
        postings.map(({ event }) => event),
        postings.map(({ round }) => round ?? 1),
        postings.map(({ leg }) => leg ?? 1),
        postings.map(({ operationId }) => operationId ?? null),
        postings.map(({ wallet }) => wallet ?? null),
        postings.map(({ eventAt }) => eventAt?.toISOString() ?? null),
      ],
    });
  }

  /** Ids of all accounts of the postings; accounts that do not exist yet are made. */
  private async idsOf(client: PoolClient, postings: readonly Posting[]): Promise<ReadonlyMap<string, number>> {
    const wanted = new Set<AccountCode>(postings.flatMap(({ debit, credit }) => [debit, credit]));
    const missing = [...wanted].filter((code) => !this.accountIds.has(code));
    if (missing.length === 0) return this.accountIds;

    const definitions = missing.map(definitionOf);
    await client.query(
      `INSERT INTO ledger_accounts (code, type, asset, network)
       SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) ON CONFLICT (code) DO NOTHING`,
      [
        missing,
        definitions.map(({ type }) => type),
        definitions.map(({ asset }) => asset),
        definitions.map(({ asset }) => (asset === 'USD' ? '' : this.network)),
      ],
    );
    const { rows } = await client.query<{ code: string; id: number; committed: boolean }>(
      `SELECT code, id, xmin::text <> (pg_current_xact_id()::xid)::text AS committed FROM ledger_accounts WHERE code = ANY ($1::text[])`,
      [missing],
    );
    const ids = new Map(this.accountIds);
    for (const { code, id, committed } of rows) {
      ids.set(code, id);
      // An account that this transaction made is gone if it rolls back: it is learned when it is seen again.
      if (committed) this.accountIds.set(code, id);
    }
    return ids;
  }
}
