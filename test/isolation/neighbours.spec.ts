import type { ContainerProvider } from '@tollbox/sandboxes/infrastructure/container/container.provider';
import { randomUUID } from 'node:crypto';
import { testRuntimes } from '../support/stack';
import { Inside, testContainerProvider } from './inside';

/** What the victim offers in every way that a sandbox can, until its sandbox ends. */
const VICTIM = `
name = sys.argv[1]
if os.fork() == 0:
    os.setsid(); libc.prctl(15, b'tollbox-victim', 0, 0, 0)
    held = []
    tcp = socket.socket(); tcp.bind(('0.0.0.0', 7771)); tcp.listen(); held.append(tcp)
    for path in ('\\0' + name, '/tmp/' + name + '.sock'):
        unix = socket.socket(socket.AF_UNIX); unix.bind(path); unix.listen(); held.append(unix)
    open('/tmp/' + name, 'w').write(name); open('/dev/shm/' + name, 'w').write(name)
    segment = libc.shmget(7771, 4096, 0o1666)
    open('/tmp/ready', 'w').write('ready')
    os.dup2(os.open('/dev/null', os.O_RDWR), 1); os.dup2(1, 2)
    time.sleep(300)
deadline = time.monotonic() + 10
while not os.path.exists('/tmp/ready') and time.monotonic() < deadline: time.sleep(0.02)
answer(os.path.exists('/tmp/ready'))`;

const ATTACKS: readonly (readonly [string, string])[] = [
  ['connect to its service over TCP', "attempt(lambda: connect(socket.AF_INET, ('127.0.0.1', 7771)))"],
  ['connect to its abstract socket', "attempt(lambda: connect(socket.AF_UNIX, '\\0' + name))"],
  ['connect to its socket file', "attempt(lambda: connect(socket.AF_UNIX, '/tmp/' + name + '.sock'))"],
  ['read its files', "opened('/tmp/' + name)"],
  ['read its shared memory files', "opened('/dev/shm/' + name)"],
  ['attach its shared memory segment', 'attempt(lambda: checked(libc.shmget(7771, 4096, 0)))'],
  ['see its processes', "'done' if any(safe(f).strip() == 'tollbox-victim' for f in glob.glob('/proc/[0-9]*/comm')) else 'none'"],
];

describe.each(testRuntimes())('a neighbour is out of reach, %s runtime', (runtime) => {
  const name = `victim-${randomUUID()}`;
  let provider: ContainerProvider;
  let attacker: Inside;
  let victim: Inside;
  let outcomes: Record<string, string>;

  beforeAll(async () => {
    provider = await testContainerProvider({}, runtime);
    [attacker, victim] = await Promise.all([Inside.open(provider), Inside.open(provider)]);
    expect(await victim.python(VICTIM, [name])).toBe(true);
    const entries = ATTACKS.map(([attack, expression]) => `    ${JSON.stringify(attack)}: lambda: ${expression},`).join('\n');
    const script = `
name = sys.argv[1]
def connect(family, address):
    with socket.socket(family) as s: s.settimeout(2); s.connect(address)
def safe(path):
    try: return open(path).read()
    except OSError: return ''
attacks = {\n${entries}\n}
answer({attack: str(run()) for attack, run in attacks.items()})`;
    outcomes = await attacker.python(script, [name]);
  });

  afterAll(async () => {
    await Promise.all([attacker.close(), victim.close()]);
    await provider.close();
  });

  it.each(ATTACKS)('to %s', (attack) => {
    expect(['ECONNREFUSED', 'ENOENT', 'ENETUNREACH', 'ENOSYS', 'EPERM', 'none']).toContain(outcomes[attack]);
  });

  it('and the victim itself can do all of it: the attacks are real', async () => {
    const script = `
with socket.socket() as s: s.connect(('127.0.0.1', 7771))
with socket.socket(socket.AF_UNIX) as s: s.connect('\\0' + sys.argv[1])
names = [open(f).read().strip() for f in glob.glob('/proc/[0-9]*/comm')]
answer([opened('/tmp/' + sys.argv[1]), opened('/dev/shm/' + sys.argv[1]), 'tollbox-victim' in names])`;
    expect(await victim.python(script, [name])).toEqual(['done', 'done', true]);
  });
});
