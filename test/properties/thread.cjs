// Where the interleavings run: see own-thread.ts.
const { inspect } = require('node:util');
const { parentPort, workerData } = require('node:worker_threads');
require('../support/typescript-hook.cjs');

const { play } = require(workerData.file);
play(workerData.settings).then(
  () => parentPort.postMessage(null),
  (error) => parentPort.postMessage(inspect(error, { depth: 4 })),
);
