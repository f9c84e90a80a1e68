import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { defineConfig } from 'prisma/config';

// Prisma's native schema engine is used where its download succeeded; elsewhere the same engine, as WebAssembly
// from npm, stands in. See docs/adr/0003-persistence.md.
const engines = path.join(__dirname, 'node_modules', '@prisma', 'engines');
const hasNativeEngine = existsSync(engines) && readdirSync(engines).some((file) => file.startsWith('schema-engine-'));
if (!hasNativeEngine) {
  process.env['PRISMA_SCHEMA_ENGINE_BINARY'] ??= path.join(__dirname, 'scripts', 'prisma-engine.mjs');
}

export default defineConfig({
  schema: path.join('prisma', 'schema.prisma'),
  migrations: { path: path.join('prisma', 'migrations') },
  datasource: { url: process.env['MIGRATION_DATABASE_URL'] ?? process.env['DATABASE_URL'] ?? 'postgresql://127.0.0.1/none' },
});
