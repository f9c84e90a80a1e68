import { Pool } from 'pg';
import { runKeysCommand } from '@tollbox/platform/access/keys-cli';
import { tokenSha256 } from '@tollbox/platform/access/staff-key-token';
import { testDatabase, type TestDatabase } from '../support/stack';

describe('the keys command', () => {
  let database: TestDatabase;
  let pool: Pool;
  beforeAll(async () => {
    database = await testDatabase();
    pool = new Pool({ connectionString: database.url });
  });
  afterAll(async () => {
    await pool.end();
    await database.drop();
  });

  async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
    const texts = { out: '', err: '' };
    const code = await runKeysCommand(
      args,
      { DATABASE_URL: database.url },
      { write: (text) => (texts.out += text) },
      { write: (text) => (texts.err += text) },
    );
    return { code, ...texts };
  }

  it('creates a key, shows it once, and stores its hash, role and expiry', async () => {
    const { code, out, err } = await run('create', '--name', 'night shift', '--role', 'operator', '--days', '7');
    expect([code, err]).toEqual([0, '']);
    const token = /tb_[A-Za-z0-9_-]{43}/.exec(out)![0];
    const { rows } = await pool.query<{ name: string; role: string; days: number }>(
      'SELECT name, role, round(extract(epoch FROM expires_at - now()) / 86400)::int AS days FROM api_keys WHERE key_sha256 = $1',
      [tokenSha256(token)],
    );
    expect(rows).toEqual([{ name: 'night shift', role: 'operator', days: 7 }]);
    const list = await run('list');
    expect(list.out).toMatch(/good {4,}operator .* last used never {2}night shift/);
    expect(list.out).not.toContain(token);
  });

  it('revokes a key once, and records what it did', async () => {
    const created = await run('create', '--name', 'leaver', '--role', 'auditor');
    const id = /id +(\S+)/.exec(created.out)![1]!;
    expect(await run('revoke', id)).toEqual({ code: 0, out: `revoked ${id}\n`, err: '' });
    expect(await run('revoke', id)).toMatchObject({ code: 1, out: '' });
    expect((await run('list')).out).toMatch(new RegExp(`${id} {2}revoked`));
    const { rows } = await pool.query<{ action: string; actor: string; text: string }>(
      'SELECT action, actor, a::text AS text FROM audit_log a WHERE subject = $1 ORDER BY id',
      [id],
    );
    expect(rows.map(({ action }) => action)).toEqual(['key.create', 'key.revoke']);
    expect(rows[0]!.actor).toMatch(/^cli:/);
    expect(rows.map(({ text }) => text).join()).not.toMatch(/tb_[A-Za-z0-9_-]{43}/);
  });

  it.each([
    [[], /a command is needed/],
    [['steal'], /no command steal/],
    [['create', '--name', 'x'], /--role must be one of operator, finance, auditor/],
    [['create', '--role', 'operator'], /--name is needed/],
    [['create', '--name', 'x', '--role', 'root'], /--role must be one of/],
    [['create', '--name', 'x', '--role', 'operator', '--days', '0'], /--days must be at least 1/],
    [['create', '--name', 'x', '--role', 'operator', '--days', 'many'], /--days must be a number/],
    [['create', '--nme', 'x'], /--nme/],
    [['revoke'], /needs the id/],
    [['revoke', 'x'], /needs the id/],
    [['list', 'a', 'b'], /too many arguments/],
  ])('tells how it is used after %j', async (args, text) => {
    const { code, out, err } = await run(...args);
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(text);
    expect(err).toContain('Usage:');
  });

  it('says that it has no database', async () => {
    const texts: string[] = [];
    const sink = { write: (text: string) => texts.push(text) };
    const home = process.cwd();
    process.chdir(__dirname);
    try {
      expect(await runKeysCommand(['list'], {}, sink, sink)).toBe(2);
      expect(await runKeysCommand(['list'], { DATABASE_URL: 'postgresql://127.0.0.1:1/none' }, sink, sink)).toBe(1);
    } finally {
      process.chdir(home);
    }
    expect(texts.join()).toMatch(/DATABASE_URL is not set/);
    expect(texts.join()).toMatch(/ECONNREFUSED/);
  });
});
