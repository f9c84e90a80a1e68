import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { Journal } from '@tollbox/ledger/infrastructure/journal';
import { withClient } from '@tollbox/devstack/database';
import { testDatabase, type TestDatabase } from '../support/stack';

const NOT_ALLOWED = '42501';

/** What the login of the gateway and the worker may do. */
describe('the application', () => {
  let database: TestDatabase;
  let application: Client;

  beforeAll(async () => {
    database = await testDatabase();
    application = new Client({ connectionString: database.applicationUrl });
    await application.connect();
  });
  afterAll(async () => {
    await application.end();
    await database.drop();
  });

  it('appends to the journal and reads it', async () => {
    await new Journal('eip155:84532').append(application as never, [
      { subject: randomUUID(), event: 'executed', debit: 'authorized', credit: 'revenue:sandbox.exec', amount: 5n },
    ]);
    expect((await application.query('SELECT 1 FROM journal')).rowCount).toBe(1);
  });

  it.each([
    'UPDATE journal SET amount = 2',
    'DELETE FROM journal',
    'TRUNCATE journal',
    'DROP TABLE journal',
    'ALTER TABLE journal DISABLE TRIGGER ALL',
    'ALTER TABLE journal DISABLE TRIGGER journal_append_only',
    'DROP TRIGGER journal_append_only ON journal',
    'ALTER TABLE journal OWNER TO CURRENT_USER',
    'CREATE OR REPLACE FUNCTION journal_check() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$',
    'CREATE TRIGGER own BEFORE INSERT ON journal FOR EACH ROW EXECUTE FUNCTION payments_guard()',
    'SET session_replication_role = replica',
    'CREATE TABLE own (id int)',
    'INSERT INTO journal (id, debit_account, credit_account, amount, subject, event, round, leg) VALUES (1, 1, 2, 1, gen_random_uuid(), $$x$$, 1, 1)',
    'INSERT INTO journal (recorded_at, debit_account, credit_account, amount, subject, event, round, leg) VALUES (now(), 1, 2, 1, gen_random_uuid(), $$x$$, 1, 1)',
    `SELECT setval('journal_id_seq', 1)`,
    'UPDATE ledger_accounts SET asset = $$ETH$$',
    'DELETE FROM payments',
    'UPDATE payment_events SET actor = $$x$$',
    'UPDATE audit_log SET actor = $$x$$',
    'DELETE FROM sandbox_events',
    'UPDATE _prisma_migrations SET checksum = $$x$$',
    'SELECT grant_application_rights()',
  ])('cannot %s', async (statement) => {
    await expect(application.query(statement)).rejects.toMatchObject({ code: NOT_ALLOWED });
  });

  it('fires no function that looks at its own temporary tables', async () => {
    const { rows } = await application.query(
      `SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'
         AND coalesce(NOT proconfig @> ARRAY['search_path=pg_catalog, public, pg_temp'], true)`,
    );
    expect(rows).toEqual([]); // a new function says SET search_path = pg_catalog, public, pg_temp

    const wallet = `0x${'c7'.repeat(20)}`;
    const topUp = { event: 'executed', debit: 'authorized', credit: 'credits', amount: 5n, wallet } as const;
    await new Journal('eip155:84532').append(application as never, [{ ...topUp, subject: randomUUID() }]);
    await application.query('CREATE TEMPORARY TABLE ledger_accounts (LIKE public.ledger_accounts)');
    await application.query('CREATE TEMPORARY TABLE credit_accounts (LIKE public.credit_accounts)');
    await application.query(
      `INSERT INTO journal (debit_account, credit_account, amount, subject, event, round, leg, wallet)
       SELECT debit_account, credit_account, amount, gen_random_uuid(), event, round, leg, wallet FROM journal WHERE wallet = $1`,
      [wallet],
    );
    await application.query('DROP TABLE pg_temp.ledger_accounts, pg_temp.credit_accounts');
    const { rows: balances } = await application.query('SELECT balance_atomic FROM credit_accounts WHERE wallet = $1', [wallet]);
    expect(balances).toEqual([{ balance_atomic: '10' }]);
  });

  it('owns nothing', async () => {
    const { rows } = await application.query(
      `SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND pg_has_role(current_user, relowner, 'MEMBER')`,
    );
    expect(rows).toEqual([]);
  });

  it('may read every table, and change one exactly as far as its triggers let anybody', async () => {
    const rights = await withClient(database.url, (owner) =>
      owner.query<{ name: string; may: string; refused: number }>(
        `SELECT relname AS name,
           concat_ws(' ', CASE WHEN has_table_privilege('tollbox_app', c.oid, 'SELECT') THEN 'select' END,
             CASE WHEN has_any_column_privilege('tollbox_app', c.oid, 'INSERT') THEN 'insert' END,
             CASE WHEN has_any_column_privilege('tollbox_app', c.oid, 'UPDATE') THEN 'update' END,
             CASE WHEN has_table_privilege('tollbox_app', c.oid, 'DELETE') THEN 'delete' END,
             CASE WHEN has_table_privilege('tollbox_app', c.oid, 'TRUNCATE, TRIGGER, REFERENCES, MAINTAIN') THEN 'more' END) AS may,
           (SELECT coalesce(bit_or(tgtype::int), 0)::int FROM pg_trigger WHERE tgrelid = c.oid AND tgfoid = 'refuse_history_change'::regproc) AS refused
         FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> '_prisma_migrations' ORDER BY 1`,
      ),
    );
    const expected = rights.rows.map(({ name, refused }) => ({
      name,
      may: `select insert${refused & 16 ? '' : ' update'}${refused & 8 ? '' : ' delete'}`,
      refused,
    }));
    expect(rights.rows).toEqual(expected); // a table that is new: call grant_application_rights() at the end of its migration
    expect(rights.rows).toContainEqual(expect.objectContaining({ name: 'journal', may: 'select insert' }));
  });
});
