import { z } from 'zod';
import { infoOf, type SignInChallenge } from './sign-in-message';

/** Longest proof that is looked at, in characters; a contract wallet's signature can take some kilobytes. */
export const MAX_PROOF_CHARS = 12_288;

const proofSchema = z.object({
  domain: z.string(),
  address: z.string().regex(/^0x[0-9a-fA-F]{40}$/),
  uri: z.string(),
  version: z.string(),
  chainId: z.string(),
  type: z.string(),
  nonce: z.string().regex(/^[0-9a-f]{32}$/),
  issuedAt: z.string(),
  expirationTime: z.string().optional(),
  statement: z.string().optional(),
  signature: z.string().regex(/^0x(?:[0-9a-fA-F]{2})+$/),
});

/** What the SIGN-IN-WITH-X header says. */
export type SignInProof = z.output<typeof proofSchema>;

/** Decodes the header: base64 of JSON. Undefined when it is none. */
export function decodeProof(header: string): SignInProof | undefined {
  const text = header.trim();
  // Buffer.from drops characters that are not base64; comparing the alphabet first keeps garbage out.
  if (text.length > MAX_PROOF_CHARS || !/^[A-Za-z0-9+/_-]+={0,2}$/.test(text)) return undefined;
  try {
    return proofSchema.safeParse(JSON.parse(Buffer.from(text, 'base64').toString('utf8'))).data;
  } catch {
    return undefined; // not JSON
  }
}

/** Why a proof opens nothing; a text for the caller. */
export type ProofProblem = string;

/** What is wrong with the proof's own words, before its signature is looked at. Undefined when nothing is. */
export function problemOfProof(proof: SignInProof, challenge: SignInChallenge, chainId: string): ProofProblem | undefined {
  if (proof.type !== 'eip191') return 'type is not eip191';
  if (proof.chainId !== chainId) return `chainId is not ${chainId}`;
  const info = infoOf(challenge);
  const echoed = ['domain', 'uri', 'version', 'issuedAt', 'expirationTime', 'statement'] as const;
  const changed = echoed.find((name) => proof[name] !== undefined && proof[name] !== info[name]);
  return changed === undefined ? undefined : `${changed} is not that of the challenge`;
}
