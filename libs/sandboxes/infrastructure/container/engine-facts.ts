import type Docker from 'dockerode';
import type { IsolationLevel } from '../../application/ports/provider';
import { withinDeadline } from './deadline';
import { toProviderError } from './engine-errors';

/** What is known of the engine, asked once at start. */
export interface EngineFacts {
  readonly kind: 'docker' | 'podman';
  readonly version: string;
  /** Runtime to name at create, or null for the engine's default. */
  readonly runtime: string | null;
  readonly isolation: Extract<IsolationLevel, 'shared-kernel' | 'gvisor'>;
}

interface EngineVersion {
  readonly Version: string;
  readonly Components?: readonly { readonly Name: string }[];
}
interface EngineInfo {
  readonly DefaultRuntime?: string;
  readonly Runtimes?: Readonly<Record<string, unknown>>;
}

const GVISOR = 'runsc';
const isGvisor = (runtime: string): boolean => (runtime.split('/').pop() ?? '').startsWith(GVISOR);

/**
 * Picks gVisor where the engine really uses it. Docker runs the runtime that a container names. Podman's compatible API
 * ignores that name, and lists runtimes that are not installed; there gVisor counts only as the engine's default.
 */
export function chooseRuntime(
  kind: EngineFacts['kind'],
  { DefaultRuntime = '', Runtimes = {} }: EngineInfo,
): Pick<EngineFacts, 'runtime' | 'isolation'> {
  if (isGvisor(DefaultRuntime)) return { runtime: null, isolation: 'gvisor' };
  if (kind === 'docker' && Object.hasOwn(Runtimes, GVISOR)) return { runtime: GVISOR, isolation: 'gvisor' };
  return { runtime: null, isolation: 'shared-kernel' };
}

/** @throws ProviderError `unavailable` when no engine answers, `timeout` after the signal. */
export async function askEngine(docker: Docker, signal: AbortSignal): Promise<EngineFacts> {
  try {
    const version = (await withinDeadline(docker.version(), signal, 'probe')) as EngineVersion;
    const info = (await withinDeadline(docker.info(), signal, 'probe')) as EngineInfo;
    const isPodman = (version.Components ?? []).some(({ Name }) => /podman/i.test(Name));
    const kind = isPodman ? 'podman' : 'docker';
    return { kind, version: version.Version, ...chooseRuntime(kind, info) };
  } catch (error) {
    throw toProviderError(error, 'probe');
  }
}
