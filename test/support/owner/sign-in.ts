import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { PrivateKeyAccount } from 'viem/accounts';
import { createSiweMessage } from 'viem/siwe';

export interface Challenge {
  readonly info: Record<string, string>;
  readonly supportedChains: readonly { chainId: string; type: string }[];
  readonly schema: Record<string, unknown>;
}

const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value), 'utf8').toString('base64');

/** What a wallet sends for a challenge, its message made by viem's own SIWE. */
export async function proofOf(
  challenge: Challenge,
  signer: PrivateKeyAccount,
  changes: { address?: `0x${string}`; signed?: Record<string, string>; sent?: Record<string, unknown> } = {},
): Promise<string> {
  const { chainId } = challenge.supportedChains[0]!;
  const address = changes.address ?? signer.address;
  const info = { ...challenge.info, ...changes.signed };
  const message = createSiweMessage({
    address,
    chainId: Number(chainId.split(':')[1]),
    domain: info['domain']!,
    uri: info['uri']!,
    version: '1',
    nonce: info['nonce']!,
    statement: info['statement']!,
    issuedAt: new Date(info['issuedAt']!),
    expirationTime: new Date(info['expirationTime']!),
  });
  const signature = await signer.signMessage({ message });
  return base64({ ...info, address, chainId, type: 'eip191', signatureScheme: 'eip191', signature, ...changes.sent });
}

export const challengeOf = (answer: { json: () => unknown }): Challenge =>
  (answer.json() as { extensions: { 'sign-in-with-x': Challenge } }).extensions['sign-in-with-x'];

export type Method = 'GET' | 'POST' | 'DELETE';

/** A call of an owner route: asks, signs the challenge, asks again. */
export async function callSignedIn(app: NestFastifyApplication, signer: PrivateKeyAccount, url: string, method: Method = 'GET') {
  const challenge = challengeOf(await app.inject({ method, url }));
  return app.inject({ method, url, headers: { 'sign-in-with-x': await proofOf(challenge, signer) } });
}
