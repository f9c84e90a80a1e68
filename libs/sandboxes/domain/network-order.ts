import { z } from 'zod';
import { contains, overlaps, parseRange, type IpRange } from './ip-range';

/**
 * `none`: no network at all. `public`: the public internet and nothing private. `allow_list`: only the listed ranges and
 * domains.
 */
export const NETWORK_POLICIES = ['none', 'public', 'allow_list'] as const;
export type NetworkPolicy = (typeof NETWORK_POLICIES)[number];

/** Outbound network of one sandbox. An `allow_list` names at least one range or domain. */
export interface NetworkOrder {
  readonly policy: NetworkPolicy;
  /** IPv4 and IPv6 ranges, for example `203.0.113.0/24`; used with `allow_list` only. */
  readonly cidrs: readonly string[];
  /** Names, for example `pypi.org` or `*.pythonhosted.org`; used with `allow_list` only. */
  readonly domains: readonly string[];
}

export interface NetworkLimits {
  readonly maxCidrs: number;
  readonly maxDomains: number;
  /** Ranges that the operator lets sandboxes reach although they are among NEVER_REACHED. */
  readonly allowedRanges: readonly string[];
}

/**
 * What no sandbox reaches: this host and its loopback, private networks, link-local with the metadata services, multicast,
 * and the ranges that are translated to IPv4 addresses on their way.
 */
export const NEVER_REACHED = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/96',
  '::ffff:0:0/96',
  '64:ff9b::/96',
  '64:ff9b:1::/48',
  '2001::/32',
  '2002::/16',
  'fc00::/7',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
] as const;

const NEVER_RANGES = NEVER_REACHED.map((text) => parseRange(text)).filter((range) => range !== null);

const MAX_CIDR_LENGTH = 49;
const MAX_DOMAIN_LENGTH = 253;
const LABEL = '[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?';
/** A host name of at least two labels, whose last one is no number; `*.` in front stands for every name below it. */
const DOMAIN = new RegExp(`^(\\*\\.)?(${LABEL}\\.)+(?![0-9]+$)${LABEL}$`);

const isAllowed = (range: IpRange, allowed: readonly IpRange[]): boolean =>
  allowed.some((wide) => contains(wide, range)) || !NEVER_RANGES.some((never) => overlaps(never, range));

/** The `network` of a create body. */
export function networkOrderSchema({ maxCidrs, maxDomains, allowedRanges }: NetworkLimits) {
  const allowed = allowedRanges.map(parseRange).filter((range) => range !== null);
  const cidr = z
    .string()
    .max(MAX_CIDR_LENGTH)
    .refine((text) => parseRange(text) !== null, {
      error: 'Not a CIDR range such as 203.0.113.0/24 or 2001:db8::/32 (no bit may be set below the prefix)',
      abort: true,
    })
    .refine((text) => {
      const range = parseRange(text);
      return range !== null && isAllowed(range, allowed);
    }, 'The range holds loopback, private, link-local, metadata or multicast addresses, which no sandbox may reach');
  const domain = z
    .string()
    .max(MAX_DOMAIN_LENGTH)
    .regex(DOMAIN, 'Not a lower-case domain name such as pypi.org or *.pythonhosted.org');
  return z
    .strictObject({
      policy: z.enum(NETWORK_POLICIES).describe('none, public (the public internet only) or allow_list.'),
      cidrs: z.array(cidr).max(maxCidrs).default([]).describe('Ranges that may be reached, with allow_list.'),
      domains: z
        .array(domain)
        .max(maxDomains)
        .default([])
        .describe('Domains that may be reached, with allow_list; `*.example.com` is every name below example.com.'),
    })
    .refine(({ policy, cidrs, domains }) => policy === 'allow_list' || cidrs.length + domains.length === 0, {
      error: 'cidrs and domains go with the policy allow_list only',
      path: ['policy'],
    })
    .refine(({ policy, cidrs, domains }) => policy !== 'allow_list' || cidrs.length + domains.length > 0, {
      error: 'allow_list needs at least one range or domain; without any, use the policy none',
      path: ['policy'],
    });
}
