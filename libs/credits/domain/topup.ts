import { z } from 'zod';

const ATOMIC = /^[1-9][0-9]{0,30}$/;
const SHA256 = /^[0-9a-f]{64}$/;

export interface TopUpLimits {
  readonly minAtomic: bigint;
  readonly maxAtomic: bigint;
}

/** The body of POST /v1/credits. Its price is its amount. */
export function topUpBody({ minAtomic, maxAtomic }: TopUpLimits) {
  return z.strictObject({
    amount: z
      .string()
      .regex(ATOMIC, 'a positive whole number of atomic USDC units, as a text')
      .refine((text) => !ATOMIC.test(text) || (BigInt(text) >= minAtomic && BigInt(text) <= maxAtomic), {
        error: `must be from ${minAtomic} to ${maxAtomic}`,
      })
      .describe(`Atomic USDC units (1 USDC = 1000000), from ${minAtomic} to ${maxAtomic}.`),
    token_sha256: z
      .string()
      .regex(SHA256, 'a SHA-256 as 64 lower-case hex digits')
      .describe('SHA-256 of the token that you made: `tbc_` and 32 random bytes as base64url. The token itself stays with you.'),
  });
}

export type TopUpBody = z.output<ReturnType<typeof topUpBody>>;

/** What a top-up is answered with. It says nothing that opens anything. */
export const topUpAnswer = z.object({
  wallet: z.string().describe('The wallet that paid: whoever holds the token acts for it.'),
  amount: z.string().describe('Atomic USDC units that were credited.'),
  token_sha256: z.string(),
});

export const isTokenSha256 = (text: string): boolean => SHA256.test(text);
