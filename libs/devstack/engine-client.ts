import Docker from 'dockerode';
import { existsSync } from 'node:fs';
import { errorStatus } from './error-code';

const ANSWER_TIMEOUT_MS = 5_000;
const REMOVE_ATTEMPTS = 3;

export type EngineKind = 'docker' | 'podman';

/** A client for `unix:///path`, `tcp://host:port` or `http(s)://host:port`. */
export function engineClient(dockerHost: string, timeoutMs?: number): Docker {
  const timeout = timeoutMs === undefined ? {} : { timeout: timeoutMs };
  if (dockerHost.startsWith('unix://')) return new Docker({ socketPath: dockerHost.slice('unix://'.length), ...timeout });
  const url = new URL(dockerHost.replace(/^tcp:/, 'http:'));
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new Error(`DOCKER_HOST ${dockerHost}: only unix, tcp, http and https are supported`);
  const protocol = url.protocol === 'https:' ? 'https' : 'http';
  return new Docker({ protocol, host: url.hostname, port: url.port || 2375, ...timeout });
}

/** What answers at `dockerHost`, or null when nothing does. */
export async function probeEngine(dockerHost: string): Promise<EngineKind | null> {
  if (dockerHost.startsWith('unix://') && !existsSync(dockerHost.slice('unix://'.length))) return null;
  try {
    const version: unknown = await engineClient(dockerHost, ANSWER_TIMEOUT_MS).version();
    return JSON.stringify(version).includes('Podman') ? 'podman' : 'docker';
  } catch {
    return null; // no engine there, or not for this user: the caller looks elsewhere
  }
}

/** Removes containers, all or those with a label (`name=value`), running or not, and returns how many there were. */
export async function removeContainers(dockerHost: string, label?: string): Promise<number> {
  const client = engineClient(dockerHost);
  const filters = label === undefined ? {} : { filters: { label: [label] } };
  const containers = await client.listContainers({ all: true, ...filters });
  for (const { Id } of containers) await removeContainer(client, Id);
  return containers.length;
}

async function removeContainer(client: Docker, id: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await client.getContainer(id).remove({ force: true, v: true });
      return;
    } catch (error) {
      if (errorStatus(error) === 404) return;
      if (attempt === REMOVE_ATTEMPTS) throw error;
    }
  }
}
