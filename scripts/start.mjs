// npm start: set up, build, then run the stack until Ctrl-C.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { runNode } from './run-node.mjs';
import { setup } from './setup.mjs';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
try {
  await setup();
  process.exitCode = await runNode(path.join(root, 'dist', 'libs', 'devstack', 'main.js'), []);
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
