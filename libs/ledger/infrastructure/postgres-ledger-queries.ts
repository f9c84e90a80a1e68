import type { Pool } from 'pg';
import type {
  AccountBalance,
  EntriesPage,
  EntryFilter,
  EntryPage,
  EntryTotals,
  LedgerQueries,
  Moment,
  TrialBalance,
} from '../application/ports/ledger-queries';
import { toBalance, toEntry, toTotals, totalsByAsset, type BalanceRow, type EntryRow, type TotalsRow } from './read-rows';

/** Reads the books straight from the journal. */
export class PostgresLedgerQueries implements LedgerQueries {
  constructor(private readonly pool: Pool) {}

  async trialBalance(moment: Moment = {}): Promise<TrialBalance> {
    const accounts = await this.balances(moment, null);
    return { accounts, totals: totalsByAsset(accounts) };
  }

  async balanceOf(code: string, moment: Moment = {}): Promise<AccountBalance | undefined> {
    return (await this.balances(moment, code))[0];
  }

  async entries(filter: EntryFilter, page: EntryPage): Promise<EntriesPage> {
    const { texts, values } = conditions(filter);
    const isNewestFirst = page.order === 'newest';
    if (page.after !== undefined) texts.push(`j.id ${isNewestFirst ? '<' : '>'} $${values.push(page.after.toString())}::bigint`);
    const { rows } = await this.pool.query<EntryRow>(
      `SELECT ${ENTRY_COLUMNS} FROM journal j ${JOINS} ${where(texts)}
       ORDER BY j.id ${isNewestFirst ? 'DESC' : 'ASC'} LIMIT $${values.push(page.limit + 1)}`,
      values,
    );
    return { entries: rows.slice(0, page.limit).map(toEntry), hasMore: rows.length > page.limit };
  }

  async totals(filter: EntryFilter): Promise<readonly EntryTotals[]> {
    const { texts, values } = conditions(filter);
    const { rows } = await this.pool.query<TotalsRow>(
      `SELECT debit.asset, debit.network, count(*) AS entries, sum(j.amount) AS amount FROM journal j ${JOINS} ${where(texts)}
       GROUP BY debit.asset, debit.network ORDER BY debit.asset, debit.network`,
      values,
    );
    return rows.map(toTotals);
  }

  private async balances({ at, basis }: Moment, code: string | null): Promise<AccountBalance[]> {
    const time = basis === 'event' ? 'event_at' : 'recorded_at';
    const { rows } = await this.pool.query<BalanceRow>(
      `SELECT a.code, a.type, a.asset, a.network, coalesce(sum(s.debits), 0) AS debits, coalesce(sum(s.credits), 0) AS credits
       FROM ledger_accounts a LEFT JOIN (
         SELECT debit_account AS account, amount AS debits, 0 AS credits FROM journal WHERE $1::timestamptz IS NULL OR ${time} < $1
         UNION ALL
         SELECT credit_account, 0, amount FROM journal WHERE $1::timestamptz IS NULL OR ${time} < $1
       ) s ON s.account = a.id
       WHERE $2::text IS NULL OR a.code = $2
       GROUP BY a.id ORDER BY a.code`,
      [at ?? null, code],
    );
    return rows.map(toBalance);
  }
}

const JOINS =
  'JOIN ledger_accounts debit ON debit.id = j.debit_account JOIN ledger_accounts credit ON credit.id = j.credit_account';
const ENTRY_COLUMNS = `j.id, debit.code AS debit, credit.code AS credit, j.amount, debit.asset, debit.network,
  j.subject, j.event, j.round, j.leg, j.operation_id, j.wallet, j.event_at, j.recorded_at`;

function conditions(filter: EntryFilter): { readonly texts: string[]; readonly values: unknown[] } {
  const parts: [text: (parameter: string) => string, value: unknown][] = [
    [(p) => `(debit.code = ${p} OR credit.code = ${p})`, filter.account],
    [(p) => `j.subject = ${p}::uuid`, filter.subject],
    [(p) => `j.operation_id = ${p}::uuid`, filter.operationId],
    [(p) => `j.wallet = ${p}`, filter.wallet],
    [(p) => `j.event = ${p}`, filter.event],
    [(p) => `j.recorded_at >= ${p}::timestamptz`, filter.from],
    [(p) => `j.recorded_at < ${p}::timestamptz`, filter.to],
  ];
  const given = parts.filter(([, value]) => value !== undefined);
  return { texts: given.map(([text], index) => text(`$${index + 1}`)), values: given.map(([, value]) => value) };
}

const where = (texts: readonly string[]): string => (texts.length === 0 ? '' : `WHERE ${texts.join(' AND ')}`);
