import { ConfigurationError, type Config } from '@tollbox/platform/config/config';
import { soldImages } from '@tollbox/platform/config/sold-images';
import type { BodyLimits } from '../domain/bodies';
import type { ResourceLimits } from '../domain/resource-bodies';
import { parseRange } from '../domain/ip-range';
import type { RunLimits } from '../domain/run';
import type { ProviderCapabilities } from './ports/provider';

/** Deadlines and limits of the use cases. */
export interface SandboxSettings {
  readonly createDeadlineMs: number;
  /** What setup commands add to it; 0 where none are sold. */
  readonly setupDeadlineMs: number;
  readonly terminateDeadlineMs: number;
  /** Deadline of looking at a sandbox or of listing them. */
  readonly inspectDeadlineMs: number;
  readonly execOverheadMs: number;
  readonly maxOutputBytes: number;
  readonly maxLive: number;
  readonly maxLivePerOwner: number;
  /** Creates that the provider works on at once. */
  readonly maxCreating: number;
  readonly maxCreatesPerMinute: number;
  readonly maxCreatesPerMinutePerOwner: number;
  readonly maxExecsPerSandbox: number;
  readonly maxExecsPerOwner: number;
  readonly maxExecs: number;
  readonly maxTags: number;
  readonly maxWaitsPerOwner: number;
  /** The provider ends a sandbox this long after its sold lifetime, should nobody here do it. */
  readonly lifetimeMarginMs: number;
  /** The sandbox of a run lives this much longer than its program may take. */
  readonly runOverheadMs: number;
  /** Deadline of writing the files of a run, and of reading them. */
  readonly runFilesDeadlineMs: number;
  /** Of all files of a run that go in, and of all that come out. */
  readonly runMaxFileBytes: number;
  /** Members of the warm pool; 0 is no pool. */
  readonly poolMax: number;
}

export function sandboxSettings(config: Config): SandboxSettings {
  return {
    createDeadlineMs: config.SANDBOX_CREATE_DEADLINE_MS,
    setupDeadlineMs: config.SANDBOX_SETUP_MAX_COMMANDS === 0 ? 0 : config.SANDBOX_SETUP_DEADLINE_MS,
    terminateDeadlineMs: config.SANDBOX_TERMINATE_DEADLINE_MS,
    inspectDeadlineMs: config.SANDBOX_INSPECT_DEADLINE_MS,
    execOverheadMs: config.EXEC_OVERHEAD_MS,
    maxOutputBytes: config.EXEC_MAX_OUTPUT_BYTES,
    maxLive: config.SANDBOX_MAX_LIVE,
    maxLivePerOwner: config.SANDBOX_MAX_LIVE_PER_OWNER,
    maxCreating: config.SANDBOX_MAX_CREATING,
    maxCreatesPerMinute: config.SANDBOX_MAX_CREATES_PER_MINUTE,
    maxCreatesPerMinutePerOwner: config.SANDBOX_MAX_CREATES_PER_MINUTE_PER_OWNER,
    maxExecsPerSandbox: config.EXEC_MAX_CONCURRENT_PER_SANDBOX,
    maxExecsPerOwner: config.EXEC_MAX_CONCURRENT_PER_OWNER,
    maxExecs: config.EXEC_MAX_CONCURRENT,
    maxTags: config.SANDBOX_MAX_TAGS,
    maxWaitsPerOwner: config.SANDBOX_MAX_WAITS_PER_OWNER,
    lifetimeMarginMs: config.SANDBOX_LIFETIME_MARGIN_MS,
    runOverheadMs: 2 * config.RUN_FILES_DEADLINE_MS + config.EXEC_OVERHEAD_MS,
    runFilesDeadlineMs: config.RUN_FILES_DEADLINE_MS,
    runMaxFileBytes: config.RUN_MAX_FILE_BYTES,
    poolMax: config.POOL_MAX,
  };
}

export function runLimits(config: Config): RunLimits {
  return {
    maxFiles: config.RUN_MAX_FILES,
    maxFileBytes: config.RUN_MAX_FILE_BYTES,
    maxStdinBytes: config.RUN_MAX_FILE_BYTES,
    maxEnvVariables: config.EXEC_MAX_ARGV_COUNT,
    maxEnvBytes: config.EXEC_MAX_ARGV_BYTES,
  };
}

/** Deadline of one create; setup commands make it longer. */
export function createDeadlineMs(settings: SandboxSettings, setupCommands: readonly string[] = []): number {
  return settings.createDeadlineMs + (setupCommands.length === 0 ? 0 : settings.setupDeadlineMs);
}

/** What is sold here: what the operator allows and the provider can do. */
export function bodyLimits(config: Config, { features }: Pick<ProviderCapabilities, 'features'>): BodyLimits {
  const badRanges = config.SANDBOX_NETWORK_ALLOWED_RANGES.filter((range) => parseRange(range) === null);
  if (badRanges.length > 0)
    throw new ConfigurationError([`SANDBOX_NETWORK_ALLOWED_RANGES: bits are set below the prefix of ${badRanges.join(', ')}`]);
  return {
    images: [...soldImages(config).keys()],
    maxCpu: config.SANDBOX_MAX_CPU,
    maxMemoryMiB: config.SANDBOX_MAX_MEMORY_MIB,
    defaultMemoryMiB: config.SANDBOX_DEFAULT_MEMORY_MIB,
    maxLifetimeS: config.SANDBOX_MAX_LIFETIME_S,
    maxExecTimeoutS: config.EXEC_MAX_TIMEOUT_S,
    maxArgvCount: config.EXEC_MAX_ARGV_COUNT,
    maxArgvBytes: config.EXEC_MAX_ARGV_BYTES,
    network: {
      maxCidrs: config.SANDBOX_NETWORK_MAX_CIDRS,
      maxDomains: config.SANDBOX_NETWORK_MAX_DOMAINS,
      allowedRanges: config.SANDBOX_NETWORK_ALLOWED_RANGES,
    },
    maxPorts: config.SANDBOX_MAX_PORTS,
    gpus: features.has('gpu') ? config.SANDBOX_GPUS.filter((gpu) => config.PRICE_CREATE_GPU_ATOMIC.has(gpu)) : [],
    setup:
      config.SANDBOX_SETUP_MAX_COMMANDS > 0 && features.has('setup_commands')
        ? { maxCommands: config.SANDBOX_SETUP_MAX_COMMANDS, maxCommandBytes: config.SANDBOX_SETUP_MAX_COMMAND_BYTES }
        : null,
  };
}

export function resourceLimits(config: Config, provider: Pick<ProviderCapabilities, 'features'>): ResourceLimits {
  return {
    ...bodyLimits(config, provider),
    maxTags: config.SANDBOX_MAX_TAGS,
    maxEnvBytes: config.SANDBOX_MAX_ENV_BYTES,
    maxStdinBytes: config.EXEC_MAX_STDIN_BYTES,
  };
}
