// npm run bench: set up, build, then measure a stack of its own beside the raw container engine. See docs/performance.md.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { runNode } from './run-node.mjs';
import { setup } from './setup.mjs';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
try {
  await setup();
  process.exitCode = await runNode(path.join(root, 'dist', 'bench', 'main.js'), process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
