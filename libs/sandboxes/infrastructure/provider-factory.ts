import { Logger } from '@nestjs/common';
import { ConfigurationError, type Config } from '@tollbox/platform/config/config';
import { soldImages } from '@tollbox/platform/config/sold-images';
import type { Pool } from 'pg';
import type { SandboxProvider } from '../application/ports/provider';
import { createContainerProvider } from './container/container.provider';
import type { NetworkSettings } from './container/network/sandbox-networks';
import { createModalProvider } from './modal/modal-provider';
import { SharedPace } from './persistence/shared-pace';

const log = new Logger('SandboxProvider');

/**
 * The provider that the configuration names.
 * @throws ProviderError when it cannot be reached or its settings are wrong
 * @throws ConfigurationError when its isolation is not enough for the chain
 */
export async function createProvider(config: Config, pool: Pool): Promise<SandboxProvider> {
  const provider = config.SANDBOX_PROVIDER === 'modal' ? createModal(config, pool) : await createContainer(config);
  try {
    refuseSharedKernel(config, provider);
  } catch (error) {
    await provider.close();
    throw error;
  }
  const { isolation, networkPolicy } = provider.capabilities();
  log.log(`sandboxes run on ${provider.name}, isolation ${isolation}, network ${networkPolicy}`);
  return provider;
}

/** Real money attracts real attackers: on Base a kernel shared with the host must be wanted explicitly. */
export function refuseSharedKernel(config: Config, provider: Pick<SandboxProvider, 'capabilities'>): void {
  if (config.X402_NETWORK !== 'base' || config.ALLOW_SHARED_KERNEL) return;
  if (provider.capabilities().isolation !== 'shared-kernel') return;
  throw new ConfigurationError([
    'ALLOW_SHARED_KERNEL: sandboxes would share the kernel of the host on Base; install gVisor (runsc), use Modal, or set it to 1',
  ]);
}

function createContainer(config: Config): Promise<SandboxProvider> {
  return createContainerProvider({
    dockerHost: config.DOCKER_HOST,
    imageReferences: soldImages(config),
    pidsLimit: config.SANDBOX_PIDS_LIMIT,
    maxSnapshotBytes: config.SNAPSHOT_MAX_MIB * 1_048_576,
    ...(config.SANDBOX_NETWORK === 'off' ? {} : { network: networkSettings(config) }),
    agentFile: config.SANDBOX_AGENT_FILE,
    lifetimeMarginMs: 0, // the margin is in the lifetime that the provider is asked for
    onCleanupFailure: (error, name) => log.warn({ msg: `the container ${name} is left to the reaper`, err: error }),
  });
}

function networkSettings(config: Config): NetworkSettings {
  return {
    pool: config.SANDBOX_NETWORK_POOL,
    allowedRanges: config.SANDBOX_NETWORK_ALLOWED_RANGES,
    dnsServers: config.SANDBOX_DNS_SERVERS,
    tunnels: config.TUNNEL_PUBLIC_URL !== undefined,
  };
}

function createModal(config: Config, pool: Pool): SandboxProvider {
  return createModalProvider({
    tokenId: config.MODAL_TOKEN_ID ?? '',
    tokenSecret: config.MODAL_TOKEN_SECRET ?? '',
    appName: config.MODAL_APP_NAME,
    images: [...soldImages(config).keys()],
    imageReferences: Object.fromEntries(soldImages(config)),
    cpuPerVcpu: config.MODAL_CPU_PER_VCPU,
    createsPerSecond: config.MODAL_CREATES_PER_SECOND,
    createQueueLength: config.MODAL_CREATE_QUEUE_LENGTH,
    createMaxWaitMs: config.MODAL_CREATE_MAX_WAIT_MS,
    pace: new SharedPace(pool, 'modal.create', 1_000 / config.MODAL_CREATES_PER_SECOND),
    logger: {
      debug: (fields, message) => log.debug({ ...fields, msg: message }),
      info: (fields, message) => log.log({ ...fields, msg: message }),
      warn: (fields, message) => log.warn({ ...fields, msg: message }),
      error: (fields, message) => log.error({ ...fields, msg: message }),
    },
  });
}
