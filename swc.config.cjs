// One transpiler setting for the build (scripts/build.mjs) and the tests (jest.config.cjs).
module.exports = {
  swcrc: false,
  sourceMaps: 'inline',
  jsc: {
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
    target: 'es2023',
    keepClassNames: true,
    baseUrl: __dirname,
    paths: { '@tollbox/*': ['libs/*'] },
  },
  module: { type: 'commonjs' },
};
