// npm run bench: set up, build, then measure a stack of its own beside the raw container engine; `npm run bench -- payments`
// measures payments beside the official x402 server, `npm run bench -- scale` the books at a million payments,
// `npm run bench -- reaper` the reaper at 20,000 live sandboxes, `npm run bench -- isolation` runc beside gVisor, `pool` creates from
// the warm pool, `executions` histories among many commands. See docs/performance.md.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { runNode } from './run-node.mjs';
import { setup } from './setup.mjs';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
try {
  await setup();
  const [first, ...rest] = process.argv.slice(2);
  const suites = {
    payments: 'payments/main.js',
    scale: 'scale/main.js',
    reaper: 'reaper/main.js',
    isolation: 'isolation/main.js',
    pool: 'pool/main.js',
    executions: 'executions/main.js',
  };
  const [program, args] = Object.hasOwn(suites, first) ? [suites[first], rest] : ['main.js', process.argv.slice(2)];
  process.exitCode = await runNode(path.join(root, 'dist', 'bench', program), args);
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
