import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { NetworkOrder, SandboxSpec } from '@tollbox/sandboxes/application/ports/provider';
import type { ContainerProvider } from '@tollbox/sandboxes/infrastructure/container/container.provider';
import { testEngine } from '../support/stack';
import { INTERNET_PORT, TestInternet } from '../support/network/test-internet';
import { eventually } from '../contract/provider-contract';
import { Inside, patient, testContainerProvider } from './inside';

const REFUSED = ['EACCES', 'EHOSTUNREACH', 'ENETUNREACH', 'ECONNREFUSED', 'EPERM', 'EADDRNOTAVAIL', 'EINVAL'];
const POOL = '198.19.0.0/16';

const CONNECT = `
def tcp(address):
    with socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET, socket.SOCK_STREAM) as s:
        s.settimeout(5)
        s.connect((address, int(sys.argv[1])))
        return s.recv(100).decode().strip()
def udp(address):
    with socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET, socket.SOCK_DGRAM) as s: s.sendto(b'x', (address, 53))
`;

const PUBLISHED = 8000;

const reaches = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1_000 });
    const end = (reached: boolean) => {
      socket.destroy();
      resolve(reached);
    };
    socket
      .on('connect', () => end(true))
      .on('error', () => end(false))
      .on('timeout', () => end(false));
  });

/** Asked while the specs are being described, which cannot wait. */
function isPodman(dockerHost: string): boolean {
  if (!dockerHost.startsWith('unix://')) return false;
  const ask = `require('node:http').get({ socketPath: process.argv[1], path: '/version' }, (answer) => answer.pipe(process.stdout))`;
  return /podman/i.test(execFileSync(process.execPath, ['-e', ask, dockerHost.slice('unix://'.length)], { encoding: 'utf8' }));
}

const whyNot = (): string | null => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'only root on Linux can hold a sandbox to a policy';
  if (!isPodman(testEngine().dockerHost)) return 'only Podman on this host is offered networks';
  return existsSync('/usr/sbin/nft') ? null : 'this machine has no nftables';
};

describe('where a sandbox cannot be held to a policy', () => {
  it('no network is offered, and an order for one makes nothing', async () => {
    const reason = whyNot();
    if (reason !== null) process.stderr.write(`not run: the network policies: ${reason}\n`);
    const network = { pool: POOL, allowedRanges: [], dnsServers: [], tunnels: true };
    const provider = await testContainerProvider(reason === null ? {} : { network });
    expect([...provider.capabilities().features]).not.toContain('network_public');
    const order = { network: { policy: 'public', cidrs: [], domains: [] } } as const;
    await expect(Inside.open(provider, order)).rejects.toMatchObject({ kind: 'invalid' });
    await provider.close();
  });
});

const describeIf = (reason: string | null): ((name: string, suite: () => void) => void) =>
  reason === null ? describe : () => undefined;

describeIf(whyNot())('a sandbox with a network reaches what its policy says and nothing else', () => {
  let internet: TestInternet;
  let provider: ContainerProvider;
  let open: Inside;
  let listed: Inside;

  const order = (policy: NetworkOrder['policy'], ...cidrs: string[]): Partial<SandboxSpec> => ({
    network: { policy, cidrs, domains: [] },
  });
  const tcp = (from: Inside, targets: readonly string[]) =>
    from.python<Record<string, string>>(`${CONNECT}\nanswer({a: attempt(lambda: tcp(a)) for a in sys.argv[2:]})`, [
      String(INTERNET_PORT),
      ...targets,
    ]);
  const udp = (from: Inside, targets: readonly string[]) =>
    from.python<Record<string, string>>(`${CONNECT}\nanswer({a: attempt(lambda: udp(a)) for a in sys.argv[2:]})`, [
      '0',
      ...targets,
    ]);
  const addressOf = (inside: Inside) =>
    inside.python<string>(`
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(('203.0.113.255', 9))
answer(s.getsockname()[0])`);
  const linkTo = (address: string): string =>
    /dev (\S+)/.exec(execFileSync('ip', ['route', 'show', `${address}/32`], { encoding: 'utf8' }))?.[1] ?? '';
  const expectRefused = (outcome: Record<string, string>) => {
    for (const [target, how] of Object.entries(outcome))
      expect([target, REFUSED.includes(how), how]).toEqual([target, true, how]);
  };

  beforeAll(async () => {
    internet = await TestInternet.start();
    provider = await testContainerProvider({
      network: { pool: POOL, allowedRanges: [], dnsServers: ['203.0.113.254'], tunnels: true },
    });
    [open, listed] = await Promise.all([
      Inside.open(provider, order('public')),
      Inside.open(provider, order('allow_list', `${internet.nearAddress}/32`)),
    ]);
  }, 60_000);
  afterAll(async () => {
    await Promise.all([open.close(), listed.close()]);
    await provider.close();
    await internet.stop();
  });

  it('declares what it can hold', () => {
    expect([...provider.capabilities().features]).toEqual(
      expect.arrayContaining(['network_none', 'network_public', 'network_cidrs']),
    );
    expect(provider.capabilities().networkPolicy).toBe('none');
  });

  it('public: reaches the internet', async () => {
    const { nearAddress, farAddress } = internet;
    expect(await tcp(open, [nearAddress, farAddress])).toEqual({
      [nearAddress]: `hello from ${nearAddress}`,
      [farAddress]: `hello from ${farAddress}`,
    });
    expect(await open.python<string>(`answer(open('/etc/resolv.conf').read())`)).toBe('nameserver 203.0.113.254\n');
  });

  it('public: reaches no private, link-local or metadata address, although this host does', async () => {
    const { privateAddress, metadataAddress } = internet;
    const targets = [
      privateAddress,
      metadataAddress,
      '169.254.169.254',
      '169.254.1.1',
      '100.100.100.200',
      '172.17.0.1',
      '192.168.0.1',
    ];
    expectRefused(await tcp(open, targets));
    expectRefused(await udp(open, [...targets, '224.0.0.251', '255.255.255.255']));
    expectRefused(await tcp(open, ['fd00:ec2::254', '2001:db8::1', `::ffff:${privateAddress}`]));
  });

  it('public: reaches no service of the host, on any of its addresses', async () => {
    const addresses = Object.values(networkInterfaces()).flatMap((list) =>
      (list ?? []).map(({ address }) => address.split('%')[0] ?? ''),
    );
    expect(addresses).toContain(internet.hostAddress);
    expectRefused(await tcp(open, [...new Set(addresses)]));
  });

  it('public: reaches no other sandbox, and is not reached', async () => {
    const neighbour = await addressOf(listed);
    expect(neighbour).toMatch(/^198\.19\./);
    expectRefused(await tcp(open, [neighbour]));
    const outcome = execFileSync('bash', ['-c', `timeout 1 bash -c '</dev/tcp/${neighbour}/80' 2>/dev/null; echo $?`]);
    expect(outcome.toString().trim()).not.toBe('0');
  });

  it('allow_list: reaches what is listed and nothing beside it', async () => {
    const { nearAddress, farAddress, privateAddress, hostAddress } = internet;
    expect(await tcp(listed, [nearAddress])).toEqual({ [nearAddress]: `hello from ${nearAddress}` });
    expectRefused(await tcp(listed, [farAddress, privateAddress, hostAddress]));
    expectRefused(await udp(listed, [farAddress, '203.0.113.254']));
  });

  it('reaches a private range where the operator allows it, and still not the host', async () => {
    const { privateAddress, hostAddress, farAddress } = internet;
    const allowing = await testContainerProvider({
      network: { pool: POOL, allowedRanges: [`${privateAddress}/32`, `${hostAddress}/32`], dnsServers: [], tunnels: false },
    });
    const [wide, narrow] = await Promise.all([
      Inside.open(allowing, order('public')),
      Inside.open(allowing, order('allow_list', `${privateAddress}/32`)),
    ]);
    try {
      for (const inside of [wide, narrow]) {
        expect(await tcp(inside, [privateAddress])).toEqual({ [privateAddress]: `hello from ${privateAddress}` });
        expectRefused(await tcp(inside, [hostAddress, '10.255.255.254']));
      }
      expectRefused(await tcp(narrow, [farAddress]));
    } finally {
      const table = linkTo(await addressOf(wide)).replace(/^tb(.{6}).*$/, 'tollbox_$1');
      await Promise.all([wide.close(), narrow.close()]);
      execFileSync('nft', ['delete', 'table', 'inet', table]);
      await allowing.close();
    }
  });

  it('is held from inside: neither links nor filter can be changed, with or without a user namespace', async () => {
    const script = `
import fcntl
def down():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s: fcntl.ioctl(s, 0x8914, b'eth0'.ljust(16, b'\\0') + b'\\0' * 16)
def filter():
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as s:
        s.send((20).to_bytes(4, 'little') + (0x0a02).to_bytes(2, 'little') + (5).to_bytes(2, 'little') + bytes(8) + bytes(4))
        error = int.from_bytes(s.recv(4096)[16:20], 'little', signed=True)
        if error: raise OSError(-error, 'refused')
answer({'down': attempt(down), 'filter': attempt(filter), 'userns': syscall(272, 97, 0x10000000 | 0x40000000)})`;
    const outcome = await open.python<Record<string, string>>(script);
    for (const how of Object.values(outcome)) expect(['EPERM', 'EACCES', 'EAFNOSUPPORT', 'EPROTONOSUPPORT']).toContain(how);
  });

  it('finishes a create that died before its network, and leaves a finished one alone', async () => {
    const address = await addressOf(open);
    await provider.complete(open.handle, patient());
    expect(await addressOf(open)).toBe(address);
    execFileSync('ip', ['link', 'del', linkTo(address)]);
    expectRefused(await tcp(open, [internet.nearAddress]));
    await provider.complete(open.handle, patient());
    expect(await tcp(open, [internet.nearAddress])).toEqual({ [internet.nearAddress]: `hello from ${internet.nearAddress}` });
    expectRefused(await tcp(open, [internet.privateAddress]));
  });

  it('leaves no link and no route behind', async () => {
    const inside = await Inside.open(provider, order('public'));
    const address = await addressOf(inside);
    expect(linkTo(address)).not.toBe('');
    await inside.close();
    expect(
      await eventually(
        () => Promise.resolve(linkTo(address)),
        (link) => link === '',
      ),
    ).toBe('');
  });

  it('ports for tunnels: the host alone reaches them, and a sandbox without network stays without', async () => {
    const inside = await Inside.open(provider, { ports: [PUBLISHED] });
    const serving = inside.run([
      'sh',
      '-c',
      `python3 -m http.server ${PUBLISHED} & exec python3 -m http.server ${PUBLISHED + 1}`,
    ]);
    serving.catch(() => undefined);
    const [tunnel] = await provider.tunnels!.list(inside.handle, patient());
    const { host = '', port = 0 } = tunnel?.target ?? {};
    expect(await provider.tunnels!.list(open.handle, patient())).toEqual([]);
    expect([tunnel?.containerPort, port]).toEqual([PUBLISHED, PUBLISHED]);
    expect(
      await eventually(
        () => reaches(host, port),
        (reached) => reached,
      ),
    ).toBe(true);
    expect(await reaches(host, PUBLISHED + 1)).toBe(false);
    const asNeighbour = `${CONNECT}\nanswer(attempt(lambda: tcp(sys.argv[2])))`;
    expect(REFUSED).toContain(await open.python<string>(asNeighbour, [String(PUBLISHED), host]));
    expectRefused(await tcp(inside, [internet.nearAddress, internet.hostAddress]));
    await inside.close();
    expect(await reaches(host, port)).toBe(false);
  });

  it('refuses what it cannot hold a sandbox to', async () => {
    const names = { network: { policy: 'allow_list', cidrs: [], domains: ['pypi.org'] } } as const;
    await expect(Inside.open(provider, names)).rejects.toMatchObject({ kind: 'invalid' });
  });
});
