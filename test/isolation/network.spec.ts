import type { ContainerProvider } from '@tollbox/sandboxes/infrastructure/container/container.provider';
import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { testRuntimes } from '../support/stack';
import { Inside, testContainerProvider } from './inside';

const UNREACHED = ['ENETUNREACH', 'ECONNREFUSED', 'EHOSTUNREACH', 'EADDRNOTAVAIL', 'EPERM', 'EACCES', 'EINVAL'];

describe.each(testRuntimes())('code in a sandbox has no network, %s runtime', (runtime) => {
  let provider: ContainerProvider;
  let inside: Inside;
  let connections = 0;
  const servers: Server[] = [];
  let port: number;
  const abstractName = `tollbox-${randomUUID()}`;

  const listen = (target: { host: string; port: number } | { path: string }) =>
    new Promise<number>((resolve, reject) => {
      const server = createServer((socket) => {
        connections += 1;
        socket.destroy();
      });
      servers.push(server);
      server.once('error', reject);
      server.listen(target, () => {
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });

  beforeAll(async () => {
    port = await listen({ host: '0.0.0.0', port: 0 });
    if (process.platform === 'linux') await listen({ path: `\0${abstractName}` });
    provider = await testContainerProvider({}, runtime);
    inside = await Inside.open(provider);
  });

  afterAll(async () => {
    await inside.close();
    await provider.close();
    for (const server of servers) server.close();
  });

  it('has the loopback interface only', async () => {
    const interfaces = await inside.python<string[]>('answer([name for _, name in socket.if_nameindex()])');
    expect(interfaces).toEqual(['lo']);
  });

  it('reaches no service of the host, on any address of the host', async () => {
    const addresses = Object.values(networkInterfaces()).flatMap((list) =>
      (list ?? []).map(({ address }) => address.split('%')[0] ?? ''),
    );
    const script = `
def connect(address):
    family = socket.AF_INET6 if ':' in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.settimeout(2)
        s.connect((address, int(sys.argv[1])))
answer({a: attempt(lambda: connect(a)) for a in sys.argv[2:]})`;
    const targets = [...new Set(['127.0.0.1', '::1', '10.0.2.2', '10.88.0.1', '172.17.0.1', ...addresses])];
    const outcome = await inside.python<Record<string, string>>(script, [String(port), ...targets]);
    for (const target of targets) expect([target, UNREACHED.includes(outcome[target] ?? '')]).toEqual([target, true]);
    expect(connections).toBe(0);
  });

  it('reaches no abstract unix socket of the host', async () => {
    const script = `
def connect():
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s: s.connect('\\0' + sys.argv[1])
answer(attempt(connect))`;
    expect(await inside.python<string>(script, [abstractName])).toBe('ECONNREFUSED');
    expect(connections).toBe(0);
  });

  it('reaches neither a metadata service nor the internet, over TCP or UDP', async () => {
    const script = `
def tcp(address):
    with socket.socket() as s:
        s.settimeout(2); s.connect(address)
def udp(address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s: s.sendto(b'x', address)
answer([attempt(lambda: call(a)) for call in (tcp, udp) for a in (('169.254.169.254', 80), ('100.100.100.200', 80), ('192.0.2.1', 443), ('192.0.2.1', 53))])`;
    const outcome = await inside.python<string[]>(script);
    expect(outcome).toHaveLength(8);
    for (const how of outcome) expect(['ENETUNREACH', 'EHOSTUNREACH']).toContain(how);
  });

  it('resolves no name', async () => {
    const script = `
try: answer(str(socket.getaddrinfo('example.com', 443)))
except socket.gaierror: answer('no name service')`;
    expect(await inside.python<string>(script)).toBe('no name service');
  });

  it('cannot open the socket families that lead around a network namespace', async () => {
    const script = `
def make(family, kind=socket.SOCK_STREAM, protocol=0):
    socket.socket(family, kind, protocol).close()
answer({'vsock': attempt(lambda: make(40)), 'packet': attempt(lambda: make(17, socket.SOCK_RAW)), 'alg': attempt(lambda: make(38, socket.SOCK_SEQPACKET)),
        'raw': attempt(lambda: make(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)), 'bluetooth': attempt(lambda: make(31))})`;
    const outcome = await inside.python<Record<string, string>>(script);
    for (const how of Object.values(outcome)) expect(['EPERM', 'EACCES', 'EAFNOSUPPORT']).toContain(how);
  });

  it('cannot bring up an interface of its own', async () => {
    const script = `
import fcntl
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    answer({'up': attempt(lambda: fcntl.ioctl(s, 0x8914, b'lo'.ljust(16, b'\\0') + b'\\0' * 16) and None), 'tun': opened('/dev/net/tun', os.O_RDWR),
      'made': attempt(lambda: fcntl.ioctl(os.open('/dev/net/tun', os.O_RDWR), 0x400454ca, b'tun0'.ljust(16, b'\\0') + b'\\1\\0' + b'\\0' * 22) and None)})`;
    const outcome = await inside.python<Record<string, string>>(script);
    expect(['EPERM', 'ENOTTY']).toContain(outcome['up']);
    // gVisor has a device of its own, whose interfaces only its capabilities can make.
    expect(provider.capabilities().isolation === 'gvisor' ? ['ENOENT', 'done'] : ['ENOENT']).toContain(outcome['tun']);
    expect(outcome['made']).not.toBe('done');
  });
});
