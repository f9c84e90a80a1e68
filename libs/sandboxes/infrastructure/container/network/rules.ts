import { type IpRange, parseRange } from '../../../domain/ip-range';
import { NEVER_REACHED, type NetworkOrder } from '../../../domain/network-order';

/**
 * The packet filter's rules, as nft reads them. A sandbox is held twice: by rules in its own network namespace, which only
 * root outside can change, and by rules of the host for everything that comes from any sandbox.
 */

/** Name of the table in a sandbox's own network namespace. */
export const INSIDE_TABLE = 'tollbox';

const isIpv4 = (text: string): boolean => parseRange(text)?.family === 4;

/** Sandboxes have IPv4 only: ranges of IPv6 match nothing that could leave. */
function ipv4Set(name: string, ranges: readonly string[]): string {
  const elements = [...new Set(ranges.filter(isIpv4))];
  const listed = elements.length === 0 ? '' : ` elements = { ${elements.join(', ')} };`;
  return `set ${name} { type ipv4_addr; flags interval; auto-merge;${listed} }`;
}

export interface InsidePlan {
  readonly order: NetworkOrder;
  /** Ranges that the operator lets a public sandbox reach besides. */
  readonly allowedRanges: readonly string[];
  /** The host's own addresses. */
  readonly hostAddresses: readonly string[];
  /** Ports that the host may connect to. */
  readonly ports: readonly number[];
}

/** What the processes of one sandbox may reach. Only the host reaches them, on the ports of tunnels. */
export function insideRules({ order, allowedRanges, hostAddresses, ports }: InsidePlan): string {
  const isPublic = order.policy === 'public';
  return `table inet ${INSIDE_TABLE} {
  ${ipv4Set('host', hostAddresses)}
  ${ipv4Set('listed', isPublic ? allowedRanges : order.cidrs)}
  ${ipv4Set('never', NEVER_REACHED)}
  chain output {
    type filter hook output priority filter; policy drop;
    oifname "lo" accept
    meta nfproto != ipv4 reject with icmpx admin-prohibited
    ct state established,related accept
    ip daddr @host reject with icmpx admin-prohibited
    ip daddr @listed accept
    ip daddr @never reject with icmpx admin-prohibited
    ${isPublic ? 'accept' : 'reject with icmpx admin-prohibited'}
  }
  chain input {
    type filter hook input priority filter; policy drop;
    iifname "lo" accept
    ct state established,related accept${ports.length === 0 ? '' : `\n    meta nfproto ipv4 tcp dport { ${ports.join(', ')} } accept`}
  }
  chain forward { type filter hook forward priority filter; policy drop; }
}
`;
}

export interface HostPlan {
  readonly table: string;
  /** Every interface of a sandbox begins with it. */
  readonly interfacePrefix: string;
  /** Where the addresses of the sandboxes come from. */
  readonly pool: string;
  readonly allowedRanges: readonly string[];
}

/** What may come from sandboxes at all, whatever their own rules say: nothing to the host, to each other or to private ranges. */
export function hostRules({ table, interfacePrefix, pool, allowedRanges }: HostPlan): string {
  const ours = `"${interfacePrefix}*"`;
  return `table inet ${table}
delete table inet ${table}
table inet ${table} {
  ${ipv4Set('allowed', allowedRanges)}
  ${ipv4Set('never', NEVER_REACHED)}
  chain input {
    type filter hook input priority -5; policy accept;
    iifname ${ours} ct state established,related accept
    iifname ${ours} drop
  }
  chain forward {
    type filter hook forward priority -5; policy accept;
    iifname ${ours} oifname ${ours} drop
    iifname ${ours} jump outbound
    oifname ${ours} ct state established,related accept
    oifname ${ours} drop
  }
  chain outbound {
    meta nfproto != ipv4 drop
    ip saddr != ${pool} drop
    ip daddr @allowed accept
    ip daddr @never drop
    accept
  }
  chain postrouting { type nat hook postrouting priority srcnat; policy accept; ip saddr ${pool} oifname != ${ours} masquerade; }
}
`;
}

export interface Slot {
  readonly interfaceName: string;
  readonly address: string;
  readonly hostMac: string;
  readonly sandboxMac: string;
}

const byteText = (value: number): string => value.toString(16).padStart(2, '0');

/** The address, names and hardware addresses that belong to one place of the pool. The place must be below `poolSize(pool)`. */
export function slotOf(interfacePrefix: string, pool: IpRange, place: number): Slot {
  const number = Number(pool.first) + place;
  const address = [24, 16, 8, 0].map((shift) => (number >>> shift) & 0xff).join('.');
  const tail = `${byteText((place >> 16) & 0xff)}:${byteText((place >> 8) & 0xff)}:${byteText(place & 0xff)}`;
  return {
    interfaceName: `${interfacePrefix}${place.toString(16).padStart(4, '0')}`,
    address,
    hostMac: `02:7b:00:${tail}`,
    sandboxMac: `02:7b:01:${tail}`,
  };
}

/** The router that a sandbox sees; no packet is ever addressed to it. */
const GATEWAY = '169.254.1.1';

/** Commands for `ip -batch` on the host. The first fails when somebody has the slot; `namespace` is a path. */
export const hostLinkCommands = (slot: Slot, namespace: string): string =>
  [
    `link add name ${slot.interfaceName} address ${slot.hostMac} type veth peer name eth0 address ${slot.sandboxMac} netns ${namespace}`,
    `link set ${slot.interfaceName} up`,
    `route add ${slot.address}/32 dev ${slot.interfaceName}`,
    `neigh replace ${slot.address} lladdr ${slot.sandboxMac} dev ${slot.interfaceName} nud permanent`,
    '',
  ].join('\n');

/** Commands for `ip -batch` in the sandbox's network namespace. */
export const insideLinkCommands = (slot: Slot): string =>
  [
    'link set lo up',
    `addr add ${slot.address}/32 dev eth0`,
    'link set eth0 up',
    `neigh replace ${GATEWAY} lladdr ${slot.hostMac} dev eth0 nud permanent`,
    `route add ${GATEWAY}/32 dev eth0 scope link`,
    `route add default via ${GATEWAY} dev eth0`,
    '',
  ].join('\n');
