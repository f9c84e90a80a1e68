import { z } from 'zod';
import { integer, ranges } from '../value-kinds';

/** Where the process listens, its database, and what a request may be. */
export const edgeVariables = {
  HOST: z.string().default('127.0.0.1').describe('Address that the gateway binds.'),
  PORT: integer(0, 65535, 4020, 'Port of the gateway; 0 takes a free one.'),
  PUBLIC_URL: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('Public base URL for `resource.url`; without it the Host header is used.'),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info').describe('Log level.'),

  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }).describe('PostgreSQL connection URL.'),
  DATABASE_POOL_SIZE: integer(2, 200, 10, 'Connections of each pool of each process.'),
  DATABASE_CONNECTION_TIMEOUT_MS: integer(100, 600_000, 5_000, 'How long a query waits for a connection.'),
  DATABASE_STATEMENT_TIMEOUT_MS: integer(100, 600_000, 15_000, 'Deadline of one statement, and of an idle open transaction.'),

  BODY_LIMIT_BYTES: integer(1_024, 104_857_600, 262_144, 'Largest request body.'),
  ANSWER_MAX_BYTES: integer(
    65_536,
    67_108_864,
    8_388_608,
    'Largest answer of bytes (a file, a tar) that is kept for its replays.',
  ),
  REQUESTS_PER_MINUTE_PER_IP: integer(1, 10_000_000, 6_000, 'Requests of one address per minute.'),
  OWNER_REQUESTS_PER_MINUTE_PER_IP: integer(
    1,
    1_000_000,
    600,
    'Requests of one address per minute to the free routes of owners.',
  ),
  TRUSTED_PROXIES: ranges(
    '',
    'Addresses or CIDR ranges of reverse proxies whose X-Forwarded headers are believed, comma-separated; none by default.',
  ),
  REQUEST_TIMEOUT_MS: integer(1_000, 600_000, 30_000, 'Time a client has to send its request.'),
  SHUTDOWN_GRACE_MS: integer(100, 120_000, 10_000, 'Time that running requests get at shutdown.'),
};
