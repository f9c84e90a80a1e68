import Docker from 'dockerode';
import { ProviderError } from '../../application/ports/provider';

/**
 * A client of the engine at `dockerHost`: `unix://PATH`, `npipe://PATH`, `tcp://HOST:PORT` or `http://HOST:PORT`. Every
 * address part is set, because the client library otherwise lets its own reading of DOCKER_HOST win.
 * @throws ProviderError `misconfigured` for another form (an engine behind TLS or SSH is reached through a local forward).
 */
export function connectEngine(dockerHost: string): Docker {
  const [, scheme, rest] = /^(unix|npipe|tcp|http):\/\/(.+)$/.exec(dockerHost) ?? [];
  if (scheme === undefined || rest === undefined) {
    throw new ProviderError('misconfigured', `DOCKER_HOST is not unix://, npipe://, tcp:// or http://: ${dockerHost}`);
  }
  if (scheme === 'unix' || scheme === 'npipe') return new Docker({ socketPath: rest, host: undefined, port: undefined });
  let url: URL;
  try {
    url = new URL(`http://${rest}`);
  } catch (cause) {
    throw new ProviderError('misconfigured', `DOCKER_HOST is not an address: ${dockerHost}`, { cause });
  }
  return new Docker({ host: url.hostname, port: url.port === '' ? 2375 : Number(url.port), protocol: 'http' });
}
