import type { FastifyRequest } from 'fastify';
import type { Config } from '../config/config';

const HOST = /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?$/i;

/** What of a request tells under which URL it was called; the socket tells the port where PORT is 0. */
export type CalledUnder = Pick<FastifyRequest, 'host' | 'protocol'> & {
  readonly socket?: { readonly localPort?: number | undefined };
};

/**
 * Base URL that callers reach this server under, without a slash at the end: PUBLIC_URL, else the Host header of the
 * request. Forwarded headers count only behind TRUSTED_PROXIES (Fastify's `host` and `protocol` see to it).
 */
export function publicBaseUrl(config: Config, request: CalledUnder): string {
  if (config.PUBLIC_URL !== undefined) return config.PUBLIC_URL.replace(/\/+$/, '');
  const host = HOST.test(request.host)
    ? request.host
    : `${config.HOST.includes(':') ? `[${config.HOST}]` : config.HOST}:${request.socket?.localPort ?? config.PORT}`;
  return `${request.protocol === 'https' ? 'https' : 'http'}://${host}`;
}

const LOOPBACK = /^(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]{1,5})?$/i;

/**
 * Origin that a wallet signs in to. A caller chooses his Host header, so without PUBLIC_URL only names of this machine are
 * taken from it: a signature made for another site must be of no use here.
 */
export function signInOrigin(config: Config, request: CalledUnder): string {
  if (config.PUBLIC_URL !== undefined) return new URL(config.PUBLIC_URL).origin;
  const { host, protocol, socket } = request;
  return publicBaseUrl(config, { host: LOOPBACK.test(host) ? host : '', protocol, ...(socket === undefined ? {} : { socket }) });
}

/** Path and query of a request target. A proxy's client may send a whole URL as target; its host is not ours to repeat. */
export function pathAndQuery(target: string): string {
  const path = target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '');
  return path.startsWith('/') ? path : `/${path}`;
}
