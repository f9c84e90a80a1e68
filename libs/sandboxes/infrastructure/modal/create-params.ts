import type { SandboxCreateParams } from 'modal';
import { type NetworkOrder, ProviderError, type SandboxSpec } from '../../application/ports/provider';

export const INSTALLATION_TAG = 'tollbox_installation';
export const SANDBOX_TAG = 'tollbox_sandbox';

const MAX_LIFETIME_MS = 24 * 3_600_000;
/** Modal bills at least this much, so reserving less buys less for the same money. */
const MIN_MILLICORES = 125;

/** Modal takes durations in whole seconds only: the next one that is not shorter. */
export function wholeSecondsMs(durationMs: number): number {
  return Math.max(1, Math.ceil(durationMs / 1000)) * 1000;
}

/**
 * What to ask of Modal for a sandbox. Requests and limits are equal, because Modal bills the larger of request and use.
 * @throws ProviderError `invalid` for a spec that Modal cannot serve.
 */
export function createParams(spec: SandboxSpec, cpuPerVcpu: number): SandboxCreateParams {
  const problems = [
    ...(isPositive(spec.cpuMillis) ? [] : ['cpuMillis is not a positive whole number']),
    ...(isPositive(spec.memoryMiB) ? [] : ['memoryMiB is not a positive whole number']),
    ...(spec.lifetimeMs > 0 && spec.lifetimeMs <= MAX_LIFETIME_MS ? [] : ['lifetimeMs is not within 24 hours']),
    ...(spec.idleTimeoutMs === undefined || (spec.idleTimeoutMs > 0 && spec.idleTimeoutMs <= MAX_LIFETIME_MS)
      ? []
      : ['idleTimeoutMs is not within 24 hours']),
    // Modal builds images with the public internet, whatever the sandbox may reach.
    ...(spec.setupCommands === undefined || (spec.network?.policy ?? 'public') === 'public'
      ? []
      : ['setupCommands need the network policy public']),
    ...(spec.setupCommands === undefined || spec.owner !== undefined ? [] : ['setupCommands need an owner']),
    ...(spec.gpu === null || /^[A-Z0-9-]{1,32}(:[1-8])?$/.test(spec.gpu) ? [] : ['gpu is not a GPU name with an optional count']),
  ];
  if (problems.length > 0) throw new ProviderError('invalid', `Modal cannot create this sandbox: ${problems.join('; ')}`);
  const cores = Math.max(MIN_MILLICORES, Math.round(spec.cpuMillis * cpuPerVcpu)) / 1000;
  return {
    cpu: cores,
    cpuLimit: cores,
    memoryMiB: spec.memoryMiB,
    memoryLimitMiB: spec.memoryMiB,
    timeoutMs: wholeSecondsMs(spec.lifetimeMs),
    tags: { [INSTALLATION_TAG]: spec.installationId, [SANDBOX_TAG]: spec.sandboxId },
    ...networkParams(spec.network),
    ...(spec.ports === undefined || spec.ports.length === 0 ? {} : { encryptedPorts: [...spec.ports] }),
    runtime: 'gvisor',
    ...(spec.gpu === null ? {} : { gpu: spec.gpu }),
    ...(spec.idleTimeoutMs === undefined ? {} : { idleTimeoutMs: wholeSecondsMs(spec.idleTimeoutMs) }),
  };
}

/** Modal's own checks of an allow-list: ranges for every protocol, domains by the name in the TLS hello on port 443. */
function networkParams(
  network: NetworkOrder | undefined,
): Pick<SandboxCreateParams, 'blockNetwork' | 'outboundCidrAllowlist' | 'outboundDomainAllowlist'> {
  if (network?.policy === 'none') return { blockNetwork: true };
  if (network?.policy !== 'allow_list') return { blockNetwork: false };
  return {
    blockNetwork: false,
    outboundCidrAllowlist: [...network.cidrs],
    outboundDomainAllowlist: [...network.domains],
  };
}

function isPositive(value: number): boolean {
  return Number.isInteger(value) && value > 0;
}
