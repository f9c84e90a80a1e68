import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import type { Pool } from 'pg';
import { EXPORT_DATASETS } from '@tollbox/finance/domain/export/dataset';
import { FinanceModule } from '@tollbox/finance/finance.module';
import { broadcast, gas } from '@tollbox/ledger/domain/postings/payment';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import { startTestApp, type TestApp } from '../platform/support/test-app';
import { Books, NETWORK } from './books';

const RANGE = `from=2026-01-01T00:00:00Z&to=2100-01-01T00:00:00Z`;
const HUGE = 2n ** 256n - 1n;
/** Several batches, and together more than the sockets' buffers hold. */
const MANY_ENTRIES = 2_500;

describe('finance exports', () => {
  let test: TestApp;
  let pool: Pool;
  let books: Books;
  let token: string;
  let port: number;

  beforeAll(async () => {
    test = await startTestApp({ imports: [FinanceModule] }, { EXPORTS_AT_ONCE: '1', EXPORT_STALL_TIMEOUT_MS: '1000' });
    pool = test.app.get<Pool>(PG_POOL);
    books = new Books(pool);
    ({ token } = await test.key('finance'));
    await test.app.listen(0, '127.0.0.1');
    ({ port } = test.app.getHttpServer().address() as AddressInfo);
    await books.queued({ wallet: `0x${'d'.repeat(40)}`, priceAtomic: HUGE }, broadcast, (payment) => gas(payment, 1, 7n));
    await books.queued({ operation: '=cmd|"/c calc"!A1', priceAtomic: 3n });
  });
  afterAll(() => test.close());

  const get = (url: string, headers: Record<string, string> = {}) =>
    test.app.inject({ url: `/finance/exports/${url}`, headers: { authorization: `Bearer ${token}`, ...headers } });

  /** Opens a download without reading it. */
  const download = (file: string): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${token}` };
      httpRequest({ port, path: `/finance/exports/${file}?${RANGE}`, headers }, resolve)
        .on('error', reject)
        .end();
    });
  const openExports = async (): Promise<number> => {
    const { rows } = await pool.query<{ open: string }>(
      "SELECT count(*) AS open FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'tollbox-exports' AND xact_start IS NOT NULL",
    );
    return Number(rows[0]!.open);
  };
  async function until(isTrue: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + 10_000;
    while (!(await isTrue())) {
      if (Date.now() > deadline) throw new Error('it did not come true');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  it('are CSV with totals, and end with the checksum of all that is before', async () => {
    const answer = await get(`journal.csv?${RANGE}`);
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'text/csv; charset=utf-8; header=present']);
    expect(answer.headers['content-disposition']).toBe('attachment; filename="journal-2026-01-01-2100-01-01.csv"');
    const lines = answer.body.split('\r\n');
    expect(lines.pop()).toBe('');
    const checksum = lines.pop()!;
    const before = answer.rawPayload.subarray(0, answer.rawPayload.lastIndexOf('sha256,'));
    expect(checksum).toBe(`sha256,${createHash('sha256').update(before).digest('hex')}`);
    expect(lines[0]).toBe(
      'record,id,debit_account,credit_account,amount,asset,network,subject,event,round,leg,operation_id,wallet,event_at,recorded_at',
    );
    const usdc = (2n * HUGE + 3n).toString();
    expect(lines.slice(-2)).toEqual([`total,1,,,7,ETH,${NETWORK},,,,,,,,`, `total,3,,,${usdc},USDC,${NETWORK},,,,,,,,`]);
    expect(lines.filter((line) => line.startsWith('row,'))).toHaveLength(4);
  });

  it('hold no formula, and quote what needs quotes', async () => {
    const { body } = await get(`payments.csv?${RANGE}`);
    expect(body).toContain(`,"'=cmd|""/c calc""!A1",`);
    expect(body).not.toMatch(/(^|,)"?[=@]/m);
  });

  it('say under which price list a payment was quoted, and the fee within its price', async () => {
    await pool.query('UPDATE payments SET fee_atomic = 2, price_list_version = 1 WHERE price_atomic = 3');
    const [names = '', ...lines] = (await get(`payments.csv?${RANGE}`)).body.split('\r\n');
    const columnsOf = (line: string) => Object.fromEntries(names.split(',').map((name, at) => [name, line.split(',')[at]]));
    const paid = { price_atomic: '3', fee_atomic: '2' };
    expect(lines.map(columnsOf)).toContainEqual(expect.objectContaining({ record: 'row', ...paid, price_list_version: '1' }));
    expect(lines.find((line) => line.startsWith('total,'))).toBeDefined();
  });

  it('have the columns that docs/finance.md lists', () => {
    const listed = readFileSync(path.join(__dirname, '../../docs/finance.md'), 'utf8')
      .split('\n')
      .filter((line) => /^\| `(journal|payments|settlements)` \|/.test(line))
      .map((line) => [...line.matchAll(/`(\w+)`/g)].map(([, name]) => name));
    expect(listed).toEqual(
      Object.entries(EXPORT_DATASETS).map(([name, { columns }]) => [name, ...columns.map((one) => one.name)]),
    );
  });

  it('are Parquet with the same rows, amounts as texts, totals and a checksum in the footer', async () => {
    const answer = await get(`journal.parquet?${RANGE}`);
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'application/vnd.apache.parquet']);
    const file = new Uint8Array(answer.rawPayload).buffer;
    const rows = await parquetReadObjects({ file });
    expect(rows.map(({ event, amount, round, wallet }): unknown[] => [event, amount, round, wallet])).toEqual([
      ['executed', HUGE.toString(), 1n, `0x${'d'.repeat(40)}`],
      ['broadcast', HUGE.toString(), 1n, `0x${'d'.repeat(40)}`],
      ['gas', '7', 1n, `0x${'d'.repeat(40)}`],
      ['executed', '3', 1n, `0x${'a'.repeat(40)}`],
    ]);
    expect(rows[0]!['recorded_at']).toBeInstanceOf(Date);
    const { key_value_metadata: pairs = [] } = parquetMetadata(file);
    const metadata = Object.fromEntries(pairs.map(({ key, value }) => [key, value]));
    const bytes = Number(metadata['tollbox.data_bytes']);
    const digest = createHash('sha256').update(answer.rawPayload.subarray(0, bytes)).digest('hex');
    expect(metadata['tollbox.data_sha256']).toBe(digest);
    expect(JSON.parse(metadata['tollbox.totals']!)).toEqual([
      { by: { asset: 'ETH', network: NETWORK }, rows: 1, sums: { amount: '7' } },
      { by: { asset: 'USDC', network: NETWORK }, rows: 3, sums: { amount: (2n * HUGE + 3n).toString() } },
    ]);
    // The footer begins where the checked bytes end: its length stands in the last 8 bytes.
    expect(answer.rawPayload.readUInt32LE(answer.rawPayload.length - 8)).toBe(answer.rawPayload.length - 8 - bytes);
  });

  it('of nothing are whole files too', async () => {
    const none = 'from=2020-01-01T00:00:00Z&to=2020-02-01T00:00:00Z';
    expect((await get(`settlements.csv?${none}`)).body).toMatch(/^record,id,[a-z_,]+\r\nsha256,[0-9a-f]{64}\r\n$/);
    const { rawPayload } = await get(`settlements.parquet?${none}`);
    expect(await parquetReadObjects({ file: new Uint8Array(rawPayload).buffer })).toEqual([]);
  });

  it('are recorded in the audit log', async () => {
    await get(`payments.csv?${RANGE}`);
    const { rows } = await pool.query(
      "SELECT subject, outcome FROM audit_log WHERE action = 'finance.export' ORDER BY id DESC LIMIT 1",
    );
    expect(rows).toEqual([{ subject: 'payments.csv', outcome: 'ok' }]);
  });

  it.each([
    [`journal.xlsx?${RANGE}`, 404, 'not_found'],
    [`secrets.csv?${RANGE}`, 404, 'not_found'],
    [`__proto__.csv?${RANGE}`, 404, 'not_found'],
    ['journal.csv', 400, 'invalid_query'],
    ['journal.csv?from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z', 400, 'invalid_query'],
    [`journal.csv?${RANGE}&account=treasury`, 400, 'invalid_query'],
  ])('refuse %s', async (url, status, code) => {
    const answer = await get(url);
    expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([status, code]);
  });

  describe('of many rows', () => {
    beforeAll(async () => {
      await pool.query(
        `INSERT INTO journal (debit_account, credit_account, amount, subject, event, round, leg, wallet)
         SELECT d.id, c.id, 1, gen_random_uuid(), repeat('long', 3000), 1, 1, NULL FROM generate_series(1, $1), ledger_accounts d, ledger_accounts c
         WHERE d.code = 'in_flight' AND c.code = 'authorized'`,
        [MANY_ENTRIES],
      );
    });

    it('wait for their reader, take one snapshot, and let others wait', async () => {
      const response = await download('journal.csv');
      const next = await get(`payments.csv?${RANGE}`);
      expect([next.statusCode, next.json<{ code: string }>().code, next.headers['retry-after']]).toEqual([
        429,
        'too_many_exports',
        '10',
      ]);
      await books.queued(); // after the snapshot
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      const text = Buffer.concat(chunks).toString();
      expect(text).toMatch(/sha256,[0-9a-f]{64}\r\n$/);
      expect(text.split('\r\nrow,').length - 1).toBe(MANY_ENTRIES + 4);
      await until(async () => (await openExports()) === 0);
    });

    it('end their query when the reader leaves', async () => {
      const response = await download('journal.parquet');
      expect(await openExports()).toBe(1);
      response.destroy();
      await until(async () => (await openExports()) === 0);
      expect((await get(`settlements.csv?${RANGE}`)).statusCode).toBe(200);
    });

    it('end when the reader takes nothing, and break off without a checksum', async () => {
      const response = await download('journal.csv');
      await until(async () => (await openExports()) === 0);
      const error = await new Promise<Error>((resolve) => response.once('error', resolve).resume());
      expect(error.message).toBe('aborted');
      await until(async () => (await get(`settlements.csv?${RANGE}`)).statusCode === 200);
    });
  });
});
