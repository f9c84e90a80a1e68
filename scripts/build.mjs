// Compiles apps/, libs/ and bench/ into dist/ with swc. Only what changed since the last build is compiled; what has no source
// any more is removed. Programs that run inside sandboxes (.py) are copied. Types are checked by `npm test`, not here.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const dist = path.join(root, 'dist');
const manifestFile = path.join(dist, '.build.json');
const BATCH = 16;

function* sourceFiles(folder) {
  for (const entry of readdirSync(path.join(root, folder), { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    if (entry.name === 'node_modules') continue; // of a peer in bench/peers
    if (entry.isDirectory()) yield* sourceFiles(file);
    else if (/(?<!\.spec|\.d)\.ts$|\.py$/.test(entry.name)) yield file;
  }
}

/** An image for production is built without bench/. */
const isThere = (folder) => existsSync(path.join(root, folder));
const outputOf = (file) => path.join(dist, file.replace(/\.ts$/, '.js'));

function write(file, content) {
  mkdirSync(path.dirname(file), { recursive: true });
  const unfinished = `${file}.${process.pid}`;
  writeFileSync(unfinished, content);
  renameSync(unfinished, file);
}

function readManifest(settings) {
  if (!existsSync(manifestFile)) return {};
  const manifest = JSON.parse(readFileSync(manifestFile, 'utf8'));
  return manifest.settings === settings ? manifest.files : {};
}

/** Builds and returns how many files were compiled. */
export async function build() {
  const require = createRequire(import.meta.url);
  const swc = require('@swc/core');
  const configText = readFileSync(path.join(root, 'swc.config.cjs'), 'utf8');
  const settings = createHash('sha256').update(configText).update(swc.version).update(root).digest('hex');
  const options = require('../swc.config.cjs');
  const before = readManifest(settings);
  const after = {};
  const changed = [];
  for (const file of ['apps', 'libs', 'bench'].filter(isThere).flatMap((folder) => [...sourceFiles(folder)])) {
    const { mtimeMs, size } = statSync(path.join(root, file));
    after[file] = `${mtimeMs} ${size}`;
    if (before[file] !== after[file] || !existsSync(outputOf(file))) changed.push(file);
  }
  for (let start = 0; start < changed.length; start += BATCH) {
    await Promise.all(
      changed.slice(start, start + BATCH).map(async (file) => {
        const source = path.join(root, file);
        if (file.endsWith('.py')) return write(outputOf(file), readFileSync(source));
        const { code } = await swc.transformFile(source, { ...options, filename: source });
        write(outputOf(file), code);
      }),
    );
  }
  for (const file of Object.keys(before)) {
    if (!(file in after)) rmSync(outputOf(file), { force: true });
  }
  if (changed.length > 0 || Object.keys(before).length !== Object.keys(after).length) {
    write(manifestFile, JSON.stringify({ settings, files: after }));
  }
  return changed.length;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.stdout.write(`compiled ${await build()} files\n`);
}
