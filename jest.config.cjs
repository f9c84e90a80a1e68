module.exports = {
  rootDir: __dirname,
  roots: ['<rootDir>/apps', '<rootDir>/libs', '<rootDir>/test', '<rootDir>/bench'],
  testEnvironment: 'node',
  testMatch: ['**/*.spec.ts'],
  // hyparquet and its writer are ES modules, which jest cannot require as they are.
  transform: { '^.+\\.ts$|/node_modules/hyparquet.+\\.js$': ['@swc/jest', require('./swc.config.cjs')] },
  transformIgnorePatterns: ['/node_modules/(?!hyparquet)'],
  moduleNameMapper: { '^@tollbox/(.*)$': '<rootDir>/libs/$1' },
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.tollbox/'],
  globalSetup: '<rootDir>/test/support/stack/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/stack/global-teardown.ts',
  testSequencer: '<rootDir>/test/support/stack/longest-first.cjs',
  maxWorkers: 2,
  testTimeout: 60_000,
};
