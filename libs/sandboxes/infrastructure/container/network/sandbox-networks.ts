import { createHash, randomInt } from 'node:crypto';
import { open, readFile, stat, writeFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { type NetworkOrder, ProviderError } from '../../../application/ports/provider';
import { type IpRange, parseRange } from '../../../domain/ip-range';
import type { HostTools } from './host-tools';
import { hostLinkCommands, type HostPlan, hostRules, insideLinkCommands, insideRules, INSIDE_TABLE, slotOf } from './rules';

export interface NetworkSettings {
  /** IPv4 range for the addresses of sandboxes, /24 to /16, that nothing else on the host uses. */
  readonly pool: string;
  readonly allowedRanges: readonly string[];
  /** Name servers that a sandbox is told; it reaches them under its own policy only. */
  readonly dnsServers: readonly string[];
  /** Whether anybody forwards to ports of sandboxes here. */
  readonly tunnels: boolean;
}

export interface Attachment {
  readonly containerId: string;
  /** The container's first process, as the engine says. */
  readonly pid: number;
  readonly order: NetworkOrder;
  /** Ports that the host may connect to. */
  readonly ports: readonly number[];
}

const ATTEMPTS = 64;
const FORWARDING = '/proc/sys/net/ipv4/ip_forward';

/**
 * Networks of sandboxes on this host: each gets a point-to-point link of its own into its network namespace, after the rules
 * that hold it. Link, routes and rules live in the kernel and end with the namespace, so no process has to stay and nothing is
 * left when a container is gone; the names of the links are the register of the addresses that are taken.
 */
export class SandboxNetworks {
  private readonly pool: IpRange;
  private readonly host: HostPlan;

  constructor(
    private readonly tools: HostTools,
    private readonly settings: NetworkSettings,
  ) {
    const pool = parseRange(settings.pool);
    if (pool?.family !== 4) throw new ProviderError('misconfigured', `${settings.pool} is no IPv4 range`);
    this.pool = pool;
    // Other rules, of other settings or another version, have a table and links of their own.
    const plan = { pool: settings.pool, allowedRanges: settings.allowedRanges, table: 'tollbox_', interfacePrefix: 'tb' };
    const mark = createHash('sha256').update(hostRules(plan)).digest('hex').slice(0, 6);
    this.host = { ...plan, table: `tollbox_${mark}`, interfacePrefix: `tb${mark}` };
  }

  /**
   * Gives a running container its network; one that has it keeps it. The rules are there before the link.
   * @throws ProviderError
   */
  async attach({ containerId, pid, order, ports }: Attachment, signal: AbortSignal): Promise<void> {
    if (order.policy === 'none' && ports.length === 0) return;
    await this.inNamespace(containerId, pid, async (namespace) => {
      await this.prepareHost(signal);
      if (await this.isAttached(namespace, signal)) return;
      const { allowedRanges } = this.settings;
      const rules = insideRules({ order, allowedRanges, hostAddresses: hostAddresses(), ports });
      const again = `table inet ${INSIDE_TABLE}\ndelete table inet ${INSIDE_TABLE}\n`;
      await this.tools.runIn(namespace, 'nft', ['-f', '-'], signal, again + rules);
      await this.link(namespace, signal);
    });
  }

  /** Where the host reaches the sandbox. @throws ProviderError */
  async addressOf(containerId: string, pid: number, signal: AbortSignal): Promise<string> {
    return this.inNamespace(containerId, pid, async (namespace) => {
      const shown = await this.tools.runIn(namespace, 'ip', ['-4', '-o', 'addr', 'show', 'dev', 'eth0'], signal);
      const [, address] = /inet ([0-9.]+)/.exec(shown) ?? [];
      if (address === undefined) throw new ProviderError('unavailable', 'the sandbox has no network');
      return address;
    });
  }

  /** Works on a container's network namespace, which stays the same one however the container fares meanwhile. */
  private async inNamespace<T>(containerId: string, pid: number, work: (namespace: string) => Promise<T>): Promise<T> {
    const file = await open(`/proc/${pid}/ns/net`, 'r').catch((cause: unknown) => {
      throw new ProviderError('misconfigured', 'the processes of the engine are not those of this host', { cause });
    });
    try {
      await refuseOtherProcess(containerId, pid, file.fd);
      return await work(`/proc/${process.pid}/fd/${file.fd}`);
    } finally {
      await file.close();
    }
  }

  /** The host's rules, and that it routes: both are lost when somebody clears them, so they are looked at every time. */
  private async prepareHost(signal: AbortSignal): Promise<void> {
    if ((await readFile(FORWARDING, 'utf8')).trim() !== '1') await writeFile(FORWARDING, '1');
    // An address that no sandbox has must not lead out of the host.
    await this.tools.run('ip', ['route', 'replace', 'blackhole', this.host.pool], signal);
    try {
      await this.tools.run('nft', ['list', 'table', 'inet', this.host.table], signal);
    } catch {
      await this.tools.run('nft', ['-f', '-'], signal, hostRules(this.host));
    }
  }

  private async isAttached(namespace: string, signal: AbortSignal): Promise<boolean> {
    return (await this.tools.runIn(namespace, 'ip', ['route', 'show', 'default'], signal)).trim() !== '';
  }

  private async link(namespace: string, signal: AbortSignal): Promise<void> {
    // What a process that died in the middle left; it holds its slot's name.
    await this.tools.runIn(namespace, 'ip', ['link', 'del', 'eth0'], signal).catch(() => undefined);
    const size = Number(this.pool.last - this.pool.first) + 1;
    for (let attempt = 1; ; attempt++) {
      const slot = slotOf(this.host.interfacePrefix, this.pool, randomInt(1, size - 1));
      try {
        await this.tools.run('ip', ['-batch', '-'], signal, hostLinkCommands(slot, namespace));
        await this.tools.runIn(namespace, 'ip', ['-batch', '-'], signal, insideLinkCommands(slot));
        return;
      } catch (error) {
        await this.tools.runIn(namespace, 'ip', ['link', 'del', 'eth0'], signal).catch(() => undefined);
        const isTaken = (error as Error).message.includes('File exists');
        if (!isTaken || attempt === ATTEMPTS) throw error;
      }
    }
  }
}

/** Pids are used again, and an engine may run among other processes than ours: rules must land in no other namespace. */
async function refuseOtherProcess(containerId: string, pid: number, namespaceFd: number): Promise<void> {
  const groups = await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '');
  const [own, theirs] = await Promise.all([stat('/proc/self/ns/net'), stat(`/proc/self/fd/${namespaceFd}`)]);
  if (groups.includes(containerId) && own.ino !== theirs.ino) return;
  throw new ProviderError('misconfigured', 'the first process of the container was not found on this host');
}

function hostAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((list) =>
    (list ?? []).filter(({ family }) => family === 'IPv4').map(({ address }) => address),
  );
}
