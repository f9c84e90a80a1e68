import { getAddress } from 'viem';

/** The extension's name: the key under `extensions`, and in upper case the request header that carries the proof. */
export const SIGN_IN_EXTENSION = 'sign-in-with-x';

/** How long a challenge may be answered. */
export const SIGN_IN_LIFETIME_MS = 300_000;

/** One challenge: for one request of this method to this URL, once. */
export interface SignInChallenge {
  /** 32 hex digits. */
  readonly nonce: string;
  readonly method: string;
  /** Absolute URL of the request. */
  readonly uri: string;
  readonly issuedAtMs: number;
}

/** The `info` of the extension: what the wallet signs, besides its own address and chain. */
export interface SignInInfo {
  readonly domain: string;
  readonly uri: string;
  readonly version: '1';
  readonly nonce: string;
  readonly issuedAt: string;
  readonly expirationTime: string;
  readonly statement: string;
}

export const expiresAtMs = (challenge: Pick<SignInChallenge, 'issuedAtMs'>): number => challenge.issuedAtMs + SIGN_IN_LIFETIME_MS;

export function infoOf(challenge: SignInChallenge): SignInInfo {
  return {
    domain: new URL(challenge.uri).host,
    uri: challenge.uri,
    version: '1',
    nonce: challenge.nonce,
    issuedAt: new Date(challenge.issuedAtMs).toISOString(),
    expirationTime: new Date(expiresAtMs(challenge)).toISOString(),
    statement: `Show Tollbox that this wallet is yours, for one ${challenge.method} request.`,
  };
}

/**
 * The text that the wallet signs (EIP-4361). It is made from the challenge as this server gave it out, so whatever a
 * caller changed in it makes his signature wrong.
 * @param chainId CAIP-2 name of an EVM chain
 */
export function signInMessage(info: SignInInfo, address: `0x${string}`, chainId: string): string {
  return [
    `${info.domain} wants you to sign in with your Ethereum account:`,
    getAddress(address),
    '',
    info.statement,
    '',
    `URI: ${info.uri}`,
    `Version: ${info.version}`,
    `Chain ID: ${chainId.replace(/^eip155:/, '')}`,
    `Nonce: ${info.nonce}`,
    `Issued At: ${info.issuedAt}`,
    `Expiration Time: ${info.expirationTime}`,
  ].join('\n');
}

const PROOF_SCHEMA = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  properties: {
    ...Object.fromEntries(
      ['domain', 'address', 'statement', 'version', 'chainId', 'type', 'nonce', 'signature'].map((name) => [
        name,
        { type: 'string' },
      ]),
    ),
    uri: { type: 'string', format: 'uri' },
    issuedAt: { type: 'string', format: 'date-time' },
    expirationTime: { type: 'string', format: 'date-time' },
  },
  required: ['domain', 'address', 'uri', 'version', 'chainId', 'type', 'nonce', 'issuedAt', 'signature'],
};

/** The extension as x402 v2 puts it under `extensions`. */
export function signInExtension(challenge: SignInChallenge, chainId: string) {
  return {
    [SIGN_IN_EXTENSION]: {
      info: infoOf(challenge),
      supportedChains: [{ chainId, type: 'eip191' }],
      schema: PROOF_SCHEMA,
    },
  };
}
