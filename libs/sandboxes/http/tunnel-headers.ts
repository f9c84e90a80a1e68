/** What of a visitor's request goes on into the sandbox: everything but the token and what belongs to one connection only. */

export const TOKEN_HEADER = 'x-tunnel-token';
export const TOKEN_NAME = 'tunnel_token';

const OF_ONE_CONNECTION = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Names and values in turns, as Node gives them. */
export type RawHeaders = readonly string[];

export interface Forwarded {
  readonly path: string;
  readonly headers: string[];
  readonly tokens: readonly string[];
}

function pairsOf(raw: RawHeaders): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) pairs.push([raw[at] ?? '', raw[at + 1] ?? '']);
  return pairs;
}

/** Without what the sender means for the next hop only. */
export function endToEnd(raw: RawHeaders): string[] {
  const pairs = pairsOf(raw);
  const named = pairs
    .filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) => value.split(',').map((option) => option.trim().toLowerCase()));
  return pairs.filter(([name]) => !OF_ONE_CONNECTION.has(name.toLowerCase()) && !named.includes(name.toLowerCase())).flat();
}

/** The token comes in a header, a cookie or the query; wherever it is, the sandbox does not see it. */
export function forwarded(url: string, raw: RawHeaders): Forwarded {
  const tokens: string[] = [];
  const headers: string[] = [];
  for (const [name, value] of pairsOf(endToEnd(raw))) {
    if (name.toLowerCase() === TOKEN_HEADER) {
      tokens.push(value);
    } else if (name.toLowerCase() === 'cookie') {
      const cookies = value.split(';').map((cookie) => cookie.trim());
      const ours = cookies.filter((cookie) => cookie.startsWith(`${TOKEN_NAME}=`));
      tokens.push(...ours.map((cookie) => cookie.slice(TOKEN_NAME.length + 1)));
      const others = cookies.filter((cookie) => !ours.includes(cookie));
      if (others.length > 0) headers.push(name, others.join('; '));
    } else {
      headers.push(name, value);
    }
  }
  const [path = '/', ...query] = url.split('?');
  const parts = query.length === 0 ? [] : query.join('?').split('&');
  const isOurs = (part: string): boolean => part.startsWith(`${TOKEN_NAME}=`);
  tokens.push(...parts.filter(isOurs).map((part) => part.slice(TOKEN_NAME.length + 1)));
  const left = parts.filter((part) => !isOurs(part));
  return { path: left.length === 0 ? path : `${path}?${left.join('&')}`, headers, tokens };
}
