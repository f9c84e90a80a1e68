// Lets plain node require the .ts files of this project, for threads that run outside of jest.
const swc = require('@swc/core');
const options = require('../../swc.config.cjs');

require.extensions['.ts'] = (module, filename) => {
  const { code } = swc.transformFileSync(filename, { ...options, filename });
  module._compile(code, filename);
};
