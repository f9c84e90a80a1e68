// Which way imports may run. docs/architecture.md draws it; `npm test` checks it.
const path = require('node:path');

const layer = (name) => `^libs/[^/]+/${name}/`;

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Two files that need each other are one file or need a third.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'domain-is-pure',
      comment:
        'A domain imports its own files, the error types, hashes and the shared kernel of operations; no I/O and no framework. crypto is there for hashes.',
      severity: 'error',
      from: { path: layer('domain') },
      to: {
        pathNot: [
          layer('domain'),
          '^libs/platform/(errors|hashing|operations)/',
          '^libs/platform/config/networks\\.ts$',
          '^node_modules/(viem|zod|@noble)/',
          '^crypto$',
        ],
      },
    },
    {
      name: 'domain-stays-in-its-library',
      comment: 'Finance reads what the others write, so it may know their states; the words of the books are for all who post.',
      severity: 'error',
      from: { path: '^libs/(?!finance/)([^/]+)/domain/' },
      to: { path: '^libs/[^/]+/domain/', pathNot: ['^libs/$1/domain/', '^libs/ledger/domain/'] },
    },
    {
      name: 'no-nest-in-domain',
      severity: 'error',
      from: { path: layer('domain') },
      to: { path: '^node_modules/@nestjs/' },
    },
    {
      name: 'application-knows-no-adapters',
      comment: 'A use case talks to ports; infrastructure implements them and http calls it.',
      severity: 'error',
      from: { path: layer('application') },
      to: { path: [layer('infrastructure'), layer('http')] },
    },
    {
      name: 'infrastructure-knows-no-http',
      severity: 'error',
      from: { path: layer('infrastructure') },
      to: { path: layer('http') },
    },
    {
      name: 'payments-know-no-sandboxes',
      comment: 'They meet on an operation id only.',
      severity: 'error',
      from: { path: '^libs/payments/' },
      to: { path: '^libs/(sandboxes|reaper)/' },
    },
    {
      name: 'sandboxes-know-no-money',
      severity: 'error',
      from: { path: '^libs/(sandboxes|reaper)/' },
      to: { path: '^libs/(payments|ledger|finance|reconciliation|refunds)/' },
    },
    {
      name: 'platform-knows-no-domain-library',
      severity: 'error',
      from: { path: '^libs/platform/' },
      to: { path: '^libs/(payments|sandboxes|reaper|finance|ledger|credits|reconciliation|refunds|devstack)/' },
    },
    {
      name: 'ledger-knows-only-the-platform',
      comment: 'Others turn their events into postings; the ledger writes and adds them up.',
      severity: 'error',
      from: { path: '^libs/ledger/' },
      to: { path: '^libs/(?!ledger/|platform/)' },
    },
    {
      name: 'reconciliation-knows-only-the-books',
      comment:
        'It reads the rows of others and hears of the provider through a port; their code could only make it agree with their mistakes.',
      severity: 'error',
      from: { path: '^libs/reconciliation/' },
      to: { path: '^libs/(?!reconciliation/|ledger/|platform/)' },
    },
    {
      name: 'refunds-know-only-the-books',
      comment: 'A refund reads what a payment was from its row; nothing of how it was taken.',
      severity: 'error',
      from: { path: '^libs/refunds/' },
      to: { path: '^libs/(?!refunds/|ledger/|platform/)' },
    },
    {
      name: 'libraries-know-no-apps',
      severity: 'error',
      from: { path: '^libs/' },
      to: { path: '^apps/' },
    },
    {
      name: 'product-needs-no-dev-stack',
      comment: 'What runs in production boots nothing of its own.',
      severity: 'error',
      from: { path: '^(apps|libs/(?!devstack/))' },
      to: { path: ['^libs/devstack/', '^test/'] },
    },
    {
      name: 'product-needs-no-dev-packages',
      severity: 'error',
      from: { path: '^(apps|libs/(?!devstack/))' },
      to: { dependencyTypes: ['npm-dev'] },
    },
    {
      name: 'everything-resolves',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: '^node_modules/' },
    exclude: { path: '^(dist|\\.tollbox|test)/|\\.spec\\.ts$' }, // a spec may reach for anything
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.cjs', '.mjs', '.json'],
      conditionNames: ['require', 'node', 'types', 'default'],
      alias: { '@tollbox': path.join(__dirname, 'libs') },
    },
  },
};
