// npm run demo: set up, build, then one paid session on a stack of its own, checked step by step.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { runNode } from './run-node.mjs';
import { setup } from './setup.mjs';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
try {
  await setup();
  process.exitCode = await runNode(path.join(root, 'dist', 'libs', 'devstack', 'demo', 'main.js'), []);
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
