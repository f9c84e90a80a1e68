import type { Config } from '../config/config';

const MASK = '[secret]';

/** Decoded and encoded form of one part of a URL. */
const bothForms = (text: string): string[] => {
  try {
    return [text, decodeURIComponent(text)];
  } catch {
    return [text]; // a lone % has no decoded form
  }
};

/** The parts of a URL that let somebody in: login, and for an RPC endpoint also path and query, where keys are put. */
function secretsOfUrl(text: string, withPath: boolean): string[] {
  const url = new URL(text);
  const login = url.password === '' ? [] : [`${url.username}:${url.password}@`];
  const path =
    withPath && `${url.pathname}${url.search}`.length > 1 ? [`${url.pathname}${url.search}`, ...url.searchParams.values()] : [];
  return [...login, ...path].flatMap(bothForms);
}

/** Every text of the configuration that no log may show. */
export function secretsOf(config: Config): string[] {
  const texts = [
    ...(config.SETTLEMENT_PRIVATE_KEY ?? []).flatMap((key) => [key, key.slice(2)]),
    config.REFUND_PRIVATE_KEY,
    config.REFUND_PRIVATE_KEY?.slice(2),
    config.MODAL_TOKEN_SECRET,
    config.FACILITATOR_AUTH_HEADER,
    ...(config.FACILITATOR_URL === undefined ? [] : secretsOfUrl(config.FACILITATOR_URL, false)),
    ...secretsOfUrl(config.DATABASE_URL, false),
    ...secretsOfUrl(config.RPC_URL, true),
  ];
  const known = texts.filter((text): text is string => text !== undefined && text.length >= 4);
  return [...new Set(known)].sort((a, b) => b.length - a.length);
}

/** A function that masks every secret of the configuration and every staff key in a line of log. */
export function maskSecrets(config: Config): (line: string) => string {
  const secrets = secretsOf(config);
  return (line) =>
    secrets.reduce((text, secret) => text.replaceAll(secret, MASK), line).replace(/\btb_[A-Za-z0-9_-]{43}/g, `tb_${MASK}`);
}
