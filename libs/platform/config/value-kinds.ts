import { isIP } from 'node:net';
import { z } from 'zod';

/** The kinds of values that variables of the configuration have. */

export const integer = (min: number, max: number, fallback: number, description: string) =>
  z.coerce.number().int().min(min).max(max).default(fallback).describe(description);
export const atomic = (fallback: string, description: string) =>
  z
    .string()
    .regex(/^[1-9][0-9]{0,30}$/, 'a positive whole number of atomic USDC units (1 USDC = 1000000)')
    .default(fallback)
    .transform((text) => BigInt(text))
    .describe(description);
export const atomicOrZero = (fallback: string, description: string) =>
  z
    .string()
    .regex(/^(0|[1-9][0-9]{0,30})$/, 'a whole number of atomic USDC units (1 USDC = 1000000)')
    .default(fallback)
    .transform((text) => BigInt(text))
    .describe(description);
/** `T4=50000,L4=80000`: a positive amount for each name. */
export const namedAtomic = (fallback: string, description: string) =>
  z
    .string()
    .regex(/^(\s*[A-Za-z0-9]+=[1-9][0-9]{0,30}\s*(,|$))*$/, 'a comma-separated list of name=amount in atomic USDC units')
    .default(fallback)
    .transform((text): ReadonlyMap<string, bigint> => {
      const pairs = text.split(',').map((pair) => pair.trim().split('='));
      return new Map(pairs.flatMap(([name, amount]) => (name && amount ? [[name, BigInt(amount)] as const] : [])));
    })
    .describe(description);
export const flag = (description: string) =>
  z
    .enum(['0', '1'])
    .default('0')
    .transform((text) => text === '1')
    .describe(description);
export const address = (description: string) =>
  z
    .string()
    .regex(/^0x[0-9a-fA-F]{40}$/, 'an EVM address: 0x and 40 hex digits')
    .transform((text) => text.toLowerCase() as `0x${string}`)
    .describe(description);
export const privateKeys = (description: string) =>
  z
    .string()
    .regex(/^0x[0-9a-fA-F]{64}(\s*,\s*0x[0-9a-fA-F]{64})*$/, 'private keys, comma-separated: 0x and 64 hex digits each')
    .transform((text) => [...new Set(text.split(',').map((key) => key.trim() as `0x${string}`))])
    .describe(description);

/** `10.0.0.1`, `10.0.0.0/8`, `::1` or `fd00::/8`. */
export function isAddressOrRange(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return prefix === undefined || (/^[0-9]{1,3}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128));
}
/** Comma-separated addresses and ranges. */
export const ranges = (fallback: string, description: string) =>
  z
    .string()
    .default(fallback)
    .transform((text) =>
      text
        .split(',')
        .map((entry) => entry.trim())
        .filter((entry) => entry !== ''),
    )
    .refine((entries) => entries.every(isAddressOrRange), 'comma-separated IP addresses or CIDR ranges')
    .describe(description);
export const privateKey = (description: string) =>
  z
    .string()
    .regex(/^0x[0-9a-fA-F]{64}$/, 'a private key: 0x and 64 hex digits')
    .transform((text) => text as `0x${string}`)
    .describe(description);
