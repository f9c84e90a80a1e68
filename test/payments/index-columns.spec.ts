import { Pool } from 'pg';
import { testDatabase } from '../support/stack';

/** Every column that an index of payments holds or names in its condition. */
const INDEXED = `SELECT DISTINCT attribute.attname AS name FROM pg_index
  JOIN pg_depend ON pg_depend.classid = 'pg_class'::regclass AND pg_depend.objid = pg_index.indexrelid AND pg_depend.refobjid = pg_index.indrelid
  JOIN pg_attribute attribute ON attribute.attrelid = pg_index.indrelid AND attribute.attnum = pg_depend.refobjsubid
  WHERE pg_index.indrelid = 'payments'::regclass
  UNION SELECT attribute.attname FROM pg_index JOIN pg_attribute attribute ON attribute.attrelid = pg_index.indrelid
    AND attribute.attnum = ANY (pg_index.indkey) WHERE pg_index.indrelid = 'payments'::regclass`;

/** What changes while a payment is on its way: claimed, lease renewed, queued, broadcast. */
const MOVING = [
  ...['state', 'attempt', 'lease_holder', 'lease_expires_at', 'answer_status', 'answer_body', 'answer_expires_at', 'round'],
  ...['executed_at', 'queued_at', 'broadcast_at', 'updated_at', 'settlement_transaction_id'],
];

it('no index of payments knows a column that changes before the end, so that moves before it write no index', async () => {
  const database = await testDatabase();
  const pool = new Pool({ connectionString: database.url });
  try {
    const indexed = (await pool.query<{ name: string }>(INDEXED)).rows.map(({ name }) => name);
    expect(indexed).toEqual(expect.arrayContaining(['nonce', 'outcome', 'rail', 'settled_in', 'answer_drop_at']));
    expect(indexed.filter((name) => MOVING.includes(name))).toEqual([]);
  } finally {
    await pool.end();
    await database.drop();
  }
});
