import { inOwnThread, settings } from './own-thread';

/**
 * The same interleavings on the product's repositories and PostgreSQL, beside the model: after every step both hold the
 * same payments, the same batches and the same books.
 */
const SETTINGS = settings('TOLLBOX_PROPERTY_DATABASE_RUNS', 1_000);
const MS_PER_RUN = 3_000;

it(
  `holds in ${SETTINGS.runs} interleavings, step by step as in the model`,
  () => inOwnThread('interleavings-postgres.ts', SETTINGS),
  60_000 + SETTINGS.runs * MS_PER_RUN,
);
