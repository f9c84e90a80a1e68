// Runs main.ts without a build: node test/support/modal/start.cjs
const path = require('node:path');
const { transformFileSync } = require('@swc/core');

const root = path.resolve(__dirname, '../../..');
const options = require(path.join(root, 'swc.config.cjs'));
require.extensions['.ts'] = (module, filename) => {
  module._compile(transformFileSync(filename, options).code, filename);
};
require('./main.ts');
