import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';

const SERVER = `
const [port, ...addresses] = process.argv.slice(1);
const net = require('node:net');
let ready = addresses.length;
for (const host of addresses) net.createServer((s) => s.on('error', () => s.destroy()).end('hello from ' + host + '\\n')).listen(Number(port), host, () => { if (--ready === 0) console.log('ready'); });
`;
export const INTERNET_PORT = 8080;

const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/**
 * An internet of this machine's own: a network namespace behind a link, with two public addresses, a private and a
 * link-local one, all of which the host reaches. Needs root on Linux.
 */
export class TestInternet {
  private constructor(
    private readonly namespace: string,
    private readonly link: string,
    private readonly server: ChildProcess,
    /** The host's own address towards the internet. */
    readonly hostAddress: string,
    readonly nearAddress: string,
    readonly farAddress: string,
    readonly privateAddress: string,
    readonly metadataAddress: string,
  ) {}

  static async start(): Promise<TestInternet> {
    const mark = randomBytes(4).toString('hex');
    const [namespace, link] = [`tollbox-${mark}`, `tbi${mark}`];
    const block = randomInt(0, 63) * 4;
    const [own, near] = [`203.0.113.${block + 1}`, `203.0.113.${block + 2}`];
    const random = () => randomInt(1, 255);
    const others = [`198.51.100.${random()}`, `10.${random()}.${random()}.${random()}`, `169.254.${random()}.${random()}`];
    ip('netns', 'add', namespace);
    try {
      ip('link', 'add', link, 'type', 'veth', 'peer', 'name', 'wan', 'netns', namespace);
      ip('addr', 'add', `${own}/30`, 'dev', link);
      ip('link', 'set', link, 'up');
      ip('-n', namespace, 'link', 'set', 'lo', 'up');
      ip('-n', namespace, 'addr', 'add', `${near}/30`, 'dev', 'wan');
      ip('-n', namespace, 'link', 'set', 'wan', 'up');
      for (const address of others) {
        ip('-n', namespace, 'addr', 'add', `${address}/32`, 'dev', 'lo');
        ip('route', 'add', `${address}/32`, 'via', near, 'dev', link);
      }
      const args = [process.execPath, '-e', SERVER, String(INTERNET_PORT), near, ...others];
      const server = spawn('nsenter', [`--net=/run/netns/${namespace}`, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
      await once(server.stdout, 'data', { signal: AbortSignal.timeout(20_000) });
      const [far = '', inner = '', metadata = ''] = others;
      return new TestInternet(namespace, link, server, own, near, far, inner, metadata);
    } catch (error) {
      ip('netns', 'del', namespace);
      throw error;
    }
  }

  async stop(): Promise<void> {
    const ended = once(this.server, 'exit');
    this.server.kill('SIGKILL');
    await ended;
    ip('link', 'del', this.link);
    ip('netns', 'del', this.namespace);
  }
}
