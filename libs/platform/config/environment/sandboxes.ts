import { z } from 'zod';
import { isImageEntry } from '../sold-images';
import { flag, integer, ranges } from '../value-kinds';

/** Sandboxes, their providers and the reaper. */
export const sandboxesVariables = {
  SANDBOX_PROVIDER: z.enum(['container', 'modal']).default('container').describe('Where sandboxes run.'),
  SANDBOX_IMAGES: z
    .string()
    .default('python:3.11')
    .transform((text) =>
      text
        .split(',')
        .map((image) => image.trim())
        .filter((image) => image !== ''),
    )
    .refine((entries) => entries.every(isImageEntry), 'an image is a name, or name@sha256: and 64 hex digits')
    .describe(
      'Images that may be bought, comma-separated, each as `name` or pinned as `name@sha256:…`; the first is the default.',
    ),
  SANDBOX_IMAGE_REFERENCES: z
    .string()
    .regex(/^(\s*[^=,\s]+=[^=,\s]+\s*(,|$))*$/, 'a comma-separated list of sold-name=engine-reference')
    .default('')
    .transform((text): ReadonlyMap<string, string> => {
      const pairs = text.split(',').map((pair) => pair.trim().split('='));
      return new Map(pairs.flatMap(([sold, reference]) => (sold && reference ? [[sold, reference] as const] : [])));
    })
    .describe(
      'What the container engine calls a sold image, as `sold=reference`, comma-separated; by default the sold name itself.',
    ),
  SANDBOX_MAX_CPU: z.coerce.number().min(0.125).max(64).default(1).describe('Most vCPUs of a sandbox.'),
  SANDBOX_MAX_MEMORY_MIB: integer(64, 262_144, 1_024, 'Most memory of a sandbox in MiB.'),
  SANDBOX_DEFAULT_MEMORY_MIB: integer(64, 262_144, 512, 'Memory of a sandbox when the buyer names none, in MiB.'),
  SANDBOX_MAX_LIFETIME_S: integer(10, 86_400, 300, 'Longest and default lifetime of a sandbox in seconds.'),
  SANDBOX_GPUS: z
    .string()
    .default('')
    .transform((text) =>
      text
        .split(',')
        .map((gpu) => gpu.trim())
        .filter((gpu) => gpu !== ''),
    )
    .describe('GPU types that may be bought, comma-separated, where the provider has them and they have a price.'),
  SANDBOX_SETUP_MAX_COMMANDS: integer(0, 100, 0, 'setup_commands of a create; 0 sells none.'),
  SANDBOX_SETUP_MAX_COMMAND_BYTES: integer(1, 65_536, 2_048, 'Bytes of one setup command.'),
  SANDBOX_SETUP_DEADLINE_MS: integer(1_000, 600_000, 120_000, 'What setup_commands add to the deadline of a create.'),
  SANDBOX_PIDS_LIMIT: integer(16, 32_768, 256, 'Processes and threads in a container sandbox.'),
  SANDBOX_CREATE_DEADLINE_MS: integer(1_000, 600_000, 60_000, 'Deadline of a create.'),
  SANDBOX_TERMINATE_DEADLINE_MS: integer(1_000, 600_000, 30_000, 'Deadline of a terminate.'),
  SANDBOX_INSPECT_DEADLINE_MS: integer(
    100,
    600_000,
    10_000,
    'Deadline of looking at a sandbox, or of listing them, at the provider.',
  ),
  SANDBOX_LIFETIME_MARGIN_MS: integer(
    0,
    600_000,
    15_000,
    'The provider ends a sandbox by itself this long after its sold lifetime.',
  ),
  SANDBOX_NETWORK: z
    .enum(['auto', 'off'])
    .default('auto')
    .describe(
      '`auto` sells sandboxes with a network where the engine and this host can hold them to it; `off` sells none on the container engine.',
    ),
  SANDBOX_NETWORK_POOL: z
    .cidrv4()
    .default('198.19.0.0/16')
    .refine((range) => Number(range.split('/')[1]) >= 16 && Number(range.split('/')[1]) <= 24, 'a range from /24 to /16')
    .describe('IPv4 range for the addresses of container sandboxes, /24 to /16; nothing else on the host may use it.'),
  SANDBOX_DNS_SERVERS: ranges(
    '1.1.1.1,8.8.8.8',
    'Name servers that a container sandbox with a network is told, comma-separated addresses.',
  ),
  SANDBOX_NETWORK_MAX_CIDRS: integer(1, 1_000, 32, 'Ranges in the network allow-list of one sandbox.'),
  SANDBOX_NETWORK_MAX_DOMAINS: integer(1, 1_000, 32, 'Domains in the network allow-list of one sandbox.'),
  SANDBOX_NETWORK_ALLOWED_RANGES: ranges(
    '',
    'Private ranges that sandboxes may reach all the same, comma-separated: with an allow-list that names them, and with the policy `public`.',
  ),
  TUNNEL_PUBLIC_URL: z
    .string()
    .regex(
      /^https?:\/\/[^/]*\{tunnel_id\}[^/]*\/?$/,
      'a URL with {tunnel_id} in its host, for example http://{tunnel_id}.tunnels.example:4021',
    )
    .optional()
    .describe('Where tunnels answer: a URL with `{tunnel_id}`, and `{port}` if wanted, in its host. Without it none are sold.'),
  TUNNEL_BIND: z.string().default('127.0.0.1').describe("Address that the tunnels' own listener binds."),
  TUNNEL_PORT: integer(0, 65_535, 4021, "Port of the tunnels' own listener; 0 takes a free one."),
  TUNNEL_MAX_PER_SANDBOX: integer(1, 1_000, 16, 'Tunnels of one sandbox.'),
  TUNNEL_MAX_CONNECTIONS: integer(1, 10_000, 64, 'Connections of one tunnel at once, on each gateway.'),
  TUNNEL_MAX_CONNECTIONS_TOTAL: integer(1, 100_000, 1_024, 'Connections of all tunnels of a gateway at once.'),
  TUNNEL_MAX_CONNECTION_BYTES: integer(
    1_024,
    1_099_511_627_776,
    1_073_741_824,
    'A connection of a tunnel is cut after this many bytes, both ways together.',
  ),
  TUNNEL_IDLE_MS: integer(1_000, 3_600_000, 120_000, 'A connection of a tunnel is cut after this time without a byte.'),
  SANDBOX_MAX_PORTS: integer(0, 100, 8, 'Ports that a create may name for tunnels.'),
  SANDBOX_MAX_LIVE: integer(1, 1_000_000, 100, 'Live sandboxes of the installation.'),
  SANDBOX_MAX_LIVE_PER_OWNER: integer(1, 1_000_000, 20, 'Live sandboxes of one wallet.'),
  SANDBOX_MAX_CREATING: integer(1, 100_000, 64, 'Sandboxes that are being created at once.'),
  SANDBOX_MAX_CREATES_PER_MINUTE: integer(1, 1_000_000, 1_000, 'Sandboxes that are created in a minute.'),
  SANDBOX_MAX_CREATES_PER_MINUTE_PER_OWNER: integer(1, 1_000_000, 60, 'Sandboxes that one wallet creates in a minute.'),
  SANDBOX_MAX_TAGS: integer(0, 1_000, 50, 'Tags of a sandbox.'),
  SANDBOX_MAX_ENV_BYTES: integer(0, 1_048_576, 32_768, 'Bytes of all variables that a create or an exec sets.'),
  SANDBOX_MAX_WAITS_PER_OWNER: integer(1, 10_000, 10, 'Requests of one wallet that wait for a sandbox in one gateway at once.'),
  EXEC_MAX_STDIN_BYTES: integer(0, 67_108_864, 131_072, 'Bytes of the standard input that an exec brings along.'),
  EXEC_MAX_TIMEOUT_S: integer(1, 86_400, 60, 'Longest and default timeout of an exec in seconds.'),
  EXEC_MAX_CONCURRENT_PER_SANDBOX: integer(1, 1_000, 16, 'Commands that run in one sandbox at once.'),
  EXEC_MAX_CONCURRENT_PER_OWNER: integer(1, 100_000, 64, 'Commands of one wallet that run at once.'),
  EXEC_MAX_CONCURRENT: integer(1, 1_000_000, 1_000, 'Commands that run at once.'),
  EXEC_OVERHEAD_MS: integer(1_000, 120_000, 10_000, 'Time that an exec may take on top of its timeout, to start and to be read.'),
  EXEC_MAX_ARGV_COUNT: integer(1, 65_536, 1_024, 'Arguments of a command.'),
  EXEC_MAX_ARGV_BYTES: integer(1_024, 1_048_576, 65_536, 'Bytes of all arguments of a command together.'),
  EXEC_MAX_OUTPUT_BYTES: integer(
    1_024,
    67_108_864,
    1_048_576,
    'Bytes kept of stdout and of stderr, each; the rest is cut and flagged.',
  ),
  FILE_DEADLINE_MS: integer(1_000, 600_000, 60_000, 'Deadline of a paid operation on files, with the time that an upload takes.'),
  FILE_MAX_UPLOAD_BYTES: integer(1_024, 4_294_967_296, 104_857_600, 'Largest file or tar that is written into a sandbox.'),
  SNAPSHOT_DEADLINE_MS: integer(1_000, 600_000, 60_000, 'Deadline of taking a snapshot.'),
  SNAPSHOT_TTL_S: integer(60, 31_536_000, 604_800, 'How long a snapshot is kept when the buyer does not say, in seconds.'),
  SNAPSHOT_MAX_TTL_S: integer(60, 31_536_000, 2_592_000, 'Longest time that a snapshot is kept, in seconds.'),
  SNAPSHOT_MAX_PER_OWNER: integer(1, 100_000, 10, 'Snapshots that one wallet may keep.'),
  SNAPSHOT_MAX_MIB: integer(
    1,
    1_048_576,
    1_024,
    'Most that a sandbox may have written for a snapshot, in MiB; container provider.',
  ),
  EXEC_OUTPUT_KEPT_MS: integer(
    86_400_000,
    31_536_000_000,
    259_200_000,
    'How long the output of a command is kept whole after it ended; then head, tail and SHA-256. Longer than ANSWER_RETENTION_MS.',
  ),
  EXEC_LOG_MONTHS: integer(1, 1_200, 13, 'Whole months for which executions are kept; then their months are dropped.'),

  INTERPRETER_MAX_CONTEXTS: integer(1, 256, 8, 'Contexts of the Python interpreter of one sandbox.'),
  RUN_MAX_FILES: integer(0, 1_000, 32, 'Files that a run may take in, and give back.'),
  RUN_MAX_FILE_BYTES: integer(
    0,
    67_108_864,
    1_048_576,
    'Bytes of all files of a run that go in, and of all that come out; its standard input, too. What goes in also fits BODY_LIMIT_BYTES.',
  ),
  RUN_FILES_DEADLINE_MS: integer(1_000, 600_000, 15_000, 'Deadline of writing the files of a run, and of reading them.'),

  DOCKER_HOST: z.string().default('unix:///var/run/docker.sock').describe('Docker-compatible engine of the container provider.'),
  SANDBOX_AGENT_FILE: z
    .string()
    .optional()
    .describe(
      'The compiled agent (agent/) that runs in container sandboxes; `npm start` compiles it. Without one, commands are slower and files, terminals and background processes are refused.',
    ),
  ALLOW_SHARED_KERNEL: flag('1 lets a sandbox share the kernel of the host on Base mainnet.'),
  MODAL_TOKEN_ID: z.string().optional().describe('Modal token id.'),
  MODAL_TOKEN_SECRET: z.string().optional().describe('Modal token secret.'),
  MODAL_APP_NAME: z.string().default('tollbox').describe('Modal app that owns the sandboxes.'),
  MODAL_CPU_PER_VCPU: z.coerce
    .number()
    .min(0.125)
    .max(4)
    .default(0.5)
    .describe('Modal cores bought for one sold vCPU (1 Modal core is 2 vCPU).'),
  MODAL_CREATES_PER_SECOND: z.coerce
    .number()
    .min(0.1)
    .max(1_000)
    .default(5)
    .describe('Creates per second that the Modal account takes; all gateways of the installation together keep to it.'),
  MODAL_CREATE_QUEUE_LENGTH: integer(1, 100_000, 200, 'Creates of one process that may wait for their turn at Modal.'),
  MODAL_CREATE_MAX_WAIT_MS: integer(100, 600_000, 20_000, 'A create that would wait longer for its turn at Modal is refused.'),

  POOL_MAX: integer(0, 10_000, 0, 'Sandboxes that wait for a buyer in the warm pool, of all profiles together; 0 is no pool.'),
  POOL_MIN: integer(0, 10_000, 0, 'Sandboxes of the default profile that wait even without demand.'),
  POOL_LEAD_S: integer(1, 3_600, 30, 'The pool holds twice the creates that come on average in this time.'),
  POOL_DEMAND_WINDOW_S: integer(10, 86_400, 600, 'The average is taken over this time.'),
  POOL_MAX_AGE_S: integer(10, 86_400, 900, 'A pool member that nobody buys ends after this time.'),
  POOL_MAX_USD_PER_HOUR: z.coerce
    .number()
    .min(0)
    .max(1e6)
    .default(1)
    .describe('What the pool may cost at the provider by the rate table.'),
  POOL_CONCURRENCY: integer(1, 64, 4, 'Pool members that are made at once.'),
  POOL_INTERVAL_MS: integer(100, 600_000, 1_000, 'Time between two looks at the pool.'),

  REAPER_INTERVAL_MS: integer(100, 600_000, 1_000, 'Time between two passes of the reaper.'),
  REAPER_CONCURRENCY: integer(1, 256, 16, 'Sandboxes that one worker ends at the provider at once.'),
  REAPER_SWEEP_INTERVAL_MS: integer(500, 3_600_000, 30_000, 'Time between two comparisons with the provider (orphans, ghosts).'),
  REAPER_ORPHAN_MARGIN_MS: integer(0, 3_600_000, 60_000, 'An orphan must be older than the create deadline plus this.'),
  REAPER_MAX_REMOVALS_PER_SWEEP: integer(
    1,
    100_000,
    50,
    'More orphans or ghosts than this in one sweep stop it and raise an alarm.',
  ),
};
