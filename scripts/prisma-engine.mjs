#!/usr/bin/env node
// Proof: stand-in for Prisma's native schema-engine binary when it cannot be downloaded: the same CLI + JSON-RPC
// protocol, backed by @prisma/schema-engine-wasm and the pg driver adapter. Keep the file executable (chmod +x).
// needs: prisma, @prisma/client, @prisma/adapter-pg, @prisma/driver-adapter-utils all 7.10.0, pg,
//        @prisma/schema-engine-wasm@7.10.0-4.0edf323efd1d98336f3f0a68684b56f689b900d3
// Hooked by PRISMA_SCHEMA_ENGINE_BINARY (see prisma.config.ts). SHIM_DEBUG=1 prints the traffic.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { createRequire } from 'node:module';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory, ColumnTypeEnum } from '@prisma/driver-adapter-utils';
import * as glue from '@prisma/schema-engine-wasm/schema_engine_bg';
import pg from 'pg';

const args = process.argv.slice(2);
const opt = (n) => {
  const i = args.indexOf(n);
  return i < 0 ? undefined : args[i + 1];
};
const all = (n) => args.flatMap((a, i) => (a === n ? [args[i + 1]] : []));
if (args.includes('--version') || args[0] === '-V') {
  console.log('schema-engine-cli wasm');
  process.exit(0);
}
if (process.env.SHIM_DEBUG) console.error('argv', args);

const rawDs = opt('--datasource');
const ds = rawDs?.startsWith('{') ? JSON.parse(rawDs) : { url: rawDs };
const url = ds.url;
function logErr(code, message) {
  process.stderr.write(
    '\n' +
      JSON.stringify({
        timestamp: new Date().toISOString(),
        level: 'ERROR',
        fields: { is_panic: false, error_code: code, message },
        target: 'schema_engine::logger',
      }) +
      '\n',
  );
}

if (args.includes('cli')) {
  const cmd = args[args.length - 1];
  const u = new URL(url);
  const db = decodeURIComponent(u.pathname.slice(1));
  u.search = '';
  const admin = new URL(u);
  admin.pathname = '/postgres';
  try {
    const c = new pg.Client({ connectionString: String(cmd === 'can-connect-to-database' ? u : admin) });
    await c.connect();
    if (cmd === 'create-database') await c.query(`CREATE DATABASE ${c.escapeIdentifier(db)}`);
    if (cmd === 'drop-database') await c.query(`DROP DATABASE ${c.escapeIdentifier(db)}`);
    await c.end();
    process.exit(0);
  } catch (e) {
    logErr(e.code === '3D000' ? 'P1003' : 'P1001', e.message);
    process.exit(1);
  }
}

const wasmPath = createRequire(import.meta.url)
  .resolve('@prisma/schema-engine-wasm')
  .replace(/schema_engine\.js$/, 'schema_engine_bg.wasm');
const { instance } = await WebAssembly.instantiate(readFileSync(wasmPath), { './schema_engine_bg.js': glue });
glue.__wbg_set_wasm(instance.exports);
instance.exports.__wbindgen_start();

// adapter-pg has no mapping for the catalog type "char" (oid 18): present it as text.
const charCols = new Map();
function patch(q) {
  const orig = q.queryRaw.bind(q);
  q.queryRaw = async (x) => {
    const r = await orig(x);
    for (const i of charCols.get(r.columnNames.join()) ?? []) r.columnTypes[i] = ColumnTypeEnum.Character;
    return r;
  };
  // the adapter splits scripts at every semicolon, which cuts function bodies: send the script whole
  if (q.executeScript) q.executeScript = async (script) => void (await q.client.query(script));
  if (q.startTransaction) {
    const st = q.startTransaction.bind(q);
    q.startTransaction = async (...a) => patch(await st(...a));
  }
  return q;
}
class CharAsTextClient extends pg.Client {
  constructor(config) {
    super(config);
    this.connection.prependListener('rowDescription', (m) => {
      const idx = m.fields.flatMap((f, i) => (f.dataTypeID === 18 ? [i] : []));
      if (idx.length) {
        charCols.set(m.fields.map((f) => f.name).join(), idx);
        for (const i of idx) m.fields[i].dataTypeID = 25;
      }
    });
  }
}
globalThis.PRISMA_WASM_PANIC_REGISTRY = {
  message: '',
  get() {
    return this.message;
  },
  set_message(m) {
    this.message = m;
    if (process.env.SHIM_DEBUG) console.error('PANIC', m);
  },
};
let engine;
async function getEngine() {
  if (engine) return engine;
  const u = new URL(url);
  const schema = u.searchParams.get('schema') ?? undefined;
  u.search = '';
  const conn = {
    host: u.hostname,
    port: Number(u.port || 5432),
    user: decodeURIComponent(u.username),
    password: decodeURIComponent(u.password),
    database: decodeURIComponent(u.pathname.slice(1)),
    Client: CharAsTextClient,
  };
  const base = new PrismaPg(conn, { schema });
  const factory = {
    provider: base.provider,
    adapterName: base.adapterName,
    connect: async () => patch(await base.connect()),
    // own shadow database: stock connectToShadowDb drops while its pool is open
    async connectToShadowDb() {
      const name = `prisma_migrate_shadow_db_${globalThis.crypto.randomUUID()}`;
      const admin = await base.connect();
      await admin.executeScript(`CREATE DATABASE "${name}"`);
      const shadow = patch(await new PrismaPg({ ...conn, database: name }, {}).connect());
      const dispose = shadow.dispose.bind(shadow);
      shadow.dispose = async () => {
        await dispose();
        await admin.executeScript(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
        await admin.dispose();
      };
      return shadow;
    },
  };
  const adapter = bindMigrationAwareSqlAdapterFactory(factory);
  const datamodels = all('--datamodels').map((p) => [p, readFileSync(p, 'utf8')]);
  engine = await glue.SchemaEngine.new(
    { datamodels: datamodels.length ? datamodels : undefined },
    (log) => {
      if (process.env.SHIM_DEBUG) console.error(log);
    },
    adapter,
  );
  return engine;
}
const METHOD = { getDatabaseVersion: 'version' };
let queue = Promise.resolve();
createInterface({ input: process.stdin })
  .on('line', (line) => {
    queue = queue.then(() => handle(line));
  })
  .on('close', () => queue.then(() => process.exit(0)));
async function handle(line) {
  if (!line.trim()) return;
  const { id, method, params } = JSON.parse(line);
  if (process.env.SHIM_DEBUG) console.error('rpc', method, JSON.stringify(params)?.slice(0, 2000));
  if (!method) return;
  try {
    const e = await getEngine();
    const fn = METHOD[method] ?? method;
    if (typeof e[fn] !== 'function') throw Object.assign(new Error(`unsupported ${method}`), { code: 'P0000' });
    const result = await e[fn](params);
    if (method === 'diff' && result?.stdout)
      process.stdout.write(
        JSON.stringify({ jsonrpc: '2.0', method: 'print', params: { content: result.stdout }, id: 900000 + id }) + '\n',
      );
    process.stdout.write(JSON.stringify({ jsonrpc: '2.0', result: result ?? null, id }) + '\n');
  } catch (err) {
    if (process.env.SHIM_DEBUG) console.error('ERR', err);
    const msg = err?.message ?? String(err);
    process.stdout.write(
      JSON.stringify({
        jsonrpc: '2.0',
        error: {
          code: 4466,
          message: 'An error happened. Check the data field for details.',
          data: { is_panic: false, message: msg, meta: err?.meta ?? null, error_code: err?.code ?? null },
        },
        id,
      }) + '\n',
    );
  }
}
