import type { FastifyRequest } from 'fastify';
import type { Config } from '../config/config';

const HOST = /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?$/i;

/**
 * Base URL that callers reach this server under, without a slash at the end: PUBLIC_URL, else the Host header of the
 * request. Forwarded headers count only behind TRUSTED_PROXIES (Fastify's `host` and `protocol` see to it).
 */
export function publicBaseUrl(config: Config, request: Pick<FastifyRequest, 'host' | 'protocol'>): string {
  if (config.PUBLIC_URL !== undefined) return config.PUBLIC_URL.replace(/\/+$/, '');
  const host = HOST.test(request.host)
    ? request.host
    : `${config.HOST.includes(':') ? `[${config.HOST}]` : config.HOST}:${config.PORT}`;
  return `${request.protocol === 'https' ? 'https' : 'http'}://${host}`;
}
