import { inOwnThread, settings } from './own-thread';

/**
 * The use cases of gateway and worker, run step by step against a model of database and chain, killed at any call, with
 * calls that fail or lose their answer, twins, payers who empty their wallets, lost blocks. `npm run test:long` asks for more.
 */
const SETTINGS = settings('TOLLBOX_PROPERTY_RUNS', 100_000);
const MS_PER_RUN = 40;

it(
  `holds in ${SETTINGS.runs} interleavings`,
  () => inOwnThread('interleavings.ts', SETTINGS),
  60_000 + SETTINGS.runs * MS_PER_RUN,
);
