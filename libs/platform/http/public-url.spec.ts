import { loadConfig } from '../config/config';
import { pathAndQuery, publicBaseUrl } from './public-url';

const required = { DATABASE_URL: 'postgres://h/d', RPC_URL: 'http://127.0.0.1:1', PAY_TO: `0x${'1'.repeat(40)}` };

describe('the public base URL', () => {
  it('is PUBLIC_URL whatever the Host header says', () => {
    const config = loadConfig({ ...required, PUBLIC_URL: 'https://api.example/' });
    expect(publicBaseUrl(config, { host: 'evil.example', protocol: 'http' })).toBe('https://api.example');
  });

  it.each([
    ['seller.example', 'http', 'http://seller.example'],
    ['127.0.0.1:8080', 'http', 'http://127.0.0.1:8080'],
    ['[::1]:8080', 'https', 'https://[::1]:8080'],
    ['a b', 'http', 'http://127.0.0.1:4020'],
    ['evil.example/path', 'http', 'http://127.0.0.1:4020'],
    ['user@evil.example', 'http', 'http://127.0.0.1:4020'],
    ['"><script>', 'http', 'http://127.0.0.1:4020'],
    ['', 'http', 'http://127.0.0.1:4020'],
  ])('of Host %j over %s is %s', (host, protocol, expected) => {
    expect(publicBaseUrl(loadConfig(required), { host, protocol: protocol as 'http' })).toBe(expected);
  });

  it('has the port that was called where the Host says nothing', () => {
    const request = { host: '', protocol: 'http' as const, socket: { localPort: 4711 } };
    expect(publicBaseUrl(loadConfig({ ...required, PORT: '0' }), request)).toBe('http://127.0.0.1:4711');
  });
});

describe('path and query of a request target', () => {
  it.each([
    ['/a/b?c=d', '/a/b?c=d'],
    ['http://evil.example/a/b?c=d', '/a/b?c=d'],
    ['HTTPS://user:pw@evil.example:8443/a', '/a'],
    ['http://evil.example', '/'],
    ['http://evil.example?c=d', '/?c=d'],
    ['/redirect?to=http://elsewhere.example/a', '/redirect?to=http://elsewhere.example/a'],
    ['//evil.example/a', '//evil.example/a'],
    ['*', '/*'],
  ])('of %s are %s', (target, expected) => {
    expect(pathAndQuery(target)).toBe(expected);
  });
});
