#!/usr/bin/env node
// Stands in for Prisma's native schema engine where that cannot be downloaded: the same command line and JSON-RPC, on
// the WebAssembly engine that Prisma publishes on npm and the pg driver adapter. prisma.config.ts hooks it in.
// Messages that Prisma reads go to stdout (answers) and stderr (errors), one JSON object a line.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { randomUUID } from 'node:crypto';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory, ColumnTypeEnum } from '@prisma/driver-adapter-utils';
import * as glue from '@prisma/schema-engine-wasm/schema_engine_bg';
import pg from 'pg';

const CHAR_OID = 18; // the catalog's one-byte "char"
const TEXT_OID = 25;
const RPC_ERROR = 4466;
const PRINT_ID_OFFSET = 900_000;

const args = process.argv.slice(2);
const option = (name) => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);
const options = (name) => args.flatMap((arg, index) => (arg === name ? [args[index + 1]] : []));

function databaseUrl() {
  const given = option('--datasource');
  return given?.startsWith('{') ? JSON.parse(given).url : given;
}

/** The URL without Prisma's own parameters, which libpq's syntax does not know. */
function plainUrl(url, database) {
  const plain = new URL(url);
  plain.search = '';
  if (database !== undefined) plain.pathname = `/${database}`;
  return plain;
}

const databaseName = (url) => decodeURIComponent(new URL(url).pathname.slice(1));

// ---- `cli` commands: create-database, drop-database, can-connect-to-database ----

async function runCliCommand(command, url) {
  const target = command === 'can-connect-to-database' ? plainUrl(url) : plainUrl(url, 'postgres');
  const client = new pg.Client({ connectionString: target.href });
  await client.connect();
  try {
    const name = client.escapeIdentifier(databaseName(url));
    if (command === 'create-database') await client.query(`CREATE DATABASE ${name}`);
    if (command === 'drop-database') await client.query(`DROP DATABASE ${name}`);
  } finally {
    await client.end();
  }
}

function reportCliError(error) {
  const fields = { is_panic: false, error_code: error.code === '3D000' ? 'P1003' : 'P1001', message: error.message };
  const line = { timestamp: new Date().toISOString(), level: 'ERROR', fields, target: 'schema_engine::logger' };
  process.stderr.write(`\n${JSON.stringify(line)}\n`);
}

// ---- the driver adapter, made fit for migrations ----

/** Columns of type "char" by the names of their result; the adapter has no mapping for that type. */
const charColumns = new Map();

/** Presents "char" as text to the adapter and remembers where it was. */
class CatalogClient extends pg.Client {
  constructor(config) {
    super(config);
    this.connection.prependListener('rowDescription', ({ fields }) => {
      const found = fields.flatMap((field, index) => (field.dataTypeID === CHAR_OID ? [index] : []));
      if (found.length === 0) return;
      charColumns.set(fields.map(({ name }) => name).join(), found);
      for (const index of found) fields[index].dataTypeID = TEXT_OID;
    });
  }
}

function withCatalogTypes(queryable) {
  const queryRaw = queryable.queryRaw.bind(queryable);
  queryable.queryRaw = async (query) => {
    const result = await queryRaw(query);
    for (const index of charColumns.get(result.columnNames.join()) ?? []) result.columnTypes[index] = ColumnTypeEnum.Character;
    return result;
  };
  // The adapter cuts a script at every semicolon, also inside a function's body: the whole goes to the server instead.
  if (queryable.executeScript) queryable.executeScript = async (script) => void (await queryable.client.query(script));
  if (queryable.startTransaction) {
    const startTransaction = queryable.startTransaction.bind(queryable);
    queryable.startTransaction = async (...parameters) => withCatalogTypes(await startTransaction(...parameters));
  }
  return queryable;
}

/** The adapter spreads its configuration over a URL's database, so the shadow database needs the fields one by one. */
function connectionFields(url) {
  const { hostname, port, username, password } = new URL(url);
  return {
    host: decodeURIComponent(hostname),
    port: Number(port || 5432),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    database: databaseName(url),
    Client: CatalogClient,
  };
}

function adapterFactory(url) {
  const connection = connectionFields(url);
  const schema = new URL(url).searchParams.get('schema') ?? undefined;
  const base = new PrismaPg(connection, { schema });
  return {
    provider: base.provider,
    adapterName: base.adapterName,
    connect: async () => withCatalogTypes(await base.connect()),
    // The adapter's own shadow database is dropped while its pool is still open; this one after.
    async connectToShadowDb() {
      const name = `prisma_migrate_shadow_db_${randomUUID()}`;
      const admin = await base.connect();
      await admin.executeScript(`CREATE DATABASE "${name}"`);
      const shadow = withCatalogTypes(await new PrismaPg({ ...connection, database: name }, {}).connect());
      const dispose = shadow.dispose.bind(shadow);
      shadow.dispose = async () => {
        await dispose();
        await admin.executeScript(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
        await admin.dispose();
      };
      return shadow;
    },
  };
}

// ---- JSON-RPC on standard input and output ----

/** The engine reports a panic through this global. */
globalThis.PRISMA_WASM_PANIC_REGISTRY = {
  message: '',
  get() {
    return this.message;
  },
  set_message(message) {
    this.message = message;
    process.stderr.write(`${message}\n`);
  },
};

async function loadEngine(url) {
  const wasmFile = createRequire(import.meta.url)
    .resolve('@prisma/schema-engine-wasm')
    .replace(/schema_engine\.js$/, 'schema_engine_bg.wasm');
  const { instance } = await WebAssembly.instantiate(readFileSync(wasmFile), { './schema_engine_bg.js': glue });
  glue.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start();
  const schemas = options('--datamodels').map((file) => [file, readFileSync(file, 'utf8')]);
  const settings = { datamodels: schemas.length > 0 ? schemas : undefined };
  return glue.SchemaEngine.new(settings, () => undefined, bindMigrationAwareSqlAdapterFactory(adapterFactory(url)));
}

const answer = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);

async function handle(line, engine) {
  if (line.trim() === '') return;
  const { id, method, params } = JSON.parse(line);
  if (method === undefined) return; // an answer to a message of ours
  try {
    const loaded = await engine();
    const name = method === 'getDatabaseVersion' ? 'version' : method;
    if (typeof loaded[name] !== 'function') throw Object.assign(new Error(`unsupported method ${method}`), { code: 'P0000' });
    const result = await loaded[name](params);
    if (method === 'diff' && result?.stdout)
      answer({ method: 'print', params: { content: result.stdout }, id: PRINT_ID_OFFSET + id });
    answer({ result: result ?? null, id });
  } catch (error) {
    const data = {
      is_panic: false,
      message: error?.message ?? String(error),
      meta: error?.meta ?? null,
      error_code: error?.code ?? null,
    };
    answer({ error: { code: RPC_ERROR, message: 'An error happened. Check the data field for details.', data }, id });
  }
}

function serve(url) {
  let loading;
  const engine = () => (loading ??= loadEngine(url));
  let queue = Promise.resolve(); // Prisma sends the next request before it has the answer to the one before
  createInterface({ input: process.stdin })
    .on('line', (line) => {
      queue = queue.then(() => handle(line, engine));
    })
    .on('close', () => void queue.then(() => process.exit(0)));
}

if (args.includes('--version') || args[0] === '-V') {
  process.stdout.write('schema-engine-cli wasm\n');
} else if (args.includes('cli')) {
  await runCliCommand(args.at(-1), databaseUrl()).catch((error) => {
    reportCliError(error);
    process.exitCode = 1;
  });
} else {
  serve(databaseUrl());
}
