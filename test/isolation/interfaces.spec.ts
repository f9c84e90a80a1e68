import type { ContainerProvider } from '@tollbox/sandboxes/infrastructure/container/container.provider';
import { readFileSync } from 'node:fs';
import { testRuntimes } from '../support/stack';
import { Inside, testContainerProvider } from './inside';

const DENIED = ['EPERM', 'EACCES', 'EROFS'];
const ABSENT = ['ENOENT', 'ENOTDIR', 'ENOSYS', 'ENODEV', 'ENXIO', 'EAFNOSUPPORT', 'EPROTONOSUPPORT', 'EOPNOTSUPP'];
const REFUSED = [...DENIED, ...ABSENT, 'EINVAL', 'ESRCH', 'EIO', 'EBADF', 'ENOTSUP'];

/**
 * gVisor has one of its own, which the host does not see: the limits that hold are those of the host around all of gVisor
 * (limits.spec.ts), and a device that was made there is none.
 */
const OWN_IN_GVISOR: ReadonlySet<string> = new Set([
  'write a magic system request',
  'raise its own memory limit',
  'leave its control group',
  'spare itself at its memory limit',
]);

/** What is tried, the Python that tries it, and how it may end. A call that the guest kernel does not know is refused too. */
const PROBES: readonly (readonly [string, string, readonly string[]])[] = [
  // The host's kernel
  ['read the kernel log device', "opened('/dev/kmsg')", [...DENIED, ...ABSENT]],
  ['write a magic system request', "opened('/proc/sysrq-trigger', os.O_WRONLY)", [...DENIED, ...ABSENT]],
  [
    'read kernel memory',
    "attempt(lambda: open('/proc/kcore', 'rb').read(16).hex() and 'memory')",
    [...DENIED, ...ABSENT, 'done', ''],
  ],
  ['read physical memory', "opened('/dev/mem')", ABSENT],
  ['change the core dump program', "opened('/proc/sys/kernel/core_pattern', os.O_WRONLY)", [...DENIED, ...ABSENT]],
  ['change the module loader', "opened('/proc/sys/kernel/modprobe', os.O_WRONLY)", [...DENIED, ...ABSENT]],
  ['change the hotplug program', "opened('/sys/kernel/uevent_helper', os.O_WRONLY)", [...DENIED, ...ABSENT]],
  ['register a binary format', "opened('/proc/sys/fs/binfmt_misc/register', os.O_WRONLY)", [...DENIED, ...ABSENT]],
  ['let the kernel panic', "opened('/proc/sys/kernel/panic_on_oops', os.O_WRONLY)", [...DENIED, ...ABSENT]],
  [
    'read kernel symbols with addresses',
    "next((line for line in safe('/proc/kallsyms').splitlines() if int(line.split()[0], 16)), 'none')",
    ['none'],
  ],
  ['read the timers of all processes', "safe('/proc/timer_list')[:40] or 'none'", ['none']],
  ['read the keys of the host', "safe('/proc/keys')[:40] or 'none'", ['none']],
  ['read the firmware tables', "attempt(lambda: ','.join(os.listdir('/sys/firmware')) or 'none')", ['none', ...ABSENT]],
  [
    'open the debug file system',
    "attempt(lambda: ','.join(os.listdir('/sys/kernel/debug')) or 'none')",
    ['none', ...DENIED, ...ABSENT],
  ],
  ['load a kernel module', "syscall(313, 273, 0, b'', 0)", REFUSED],
  ['load a BPF program', 'syscall(321, 280, 5, zeros(128), 128)', REFUSED],
  ['open a performance counter', 'syscall(298, 241, zeros(128), 0, -1, -1, 0)', REFUSED],
  ['set up io_uring', 'syscall(425, 425, 8, zeros(128))', REFUSED],
  ['handle page faults of others', 'syscall(323, 282, 0)', REFUSED],
  ['use the keyring of the kernel', "syscall(248, 217, b'user', b'tollbox', b'data', 4, -2)", REFUSED],
  ['boot another kernel', 'syscall(246, 104, 0, 0, 0, 0)', REFUSED],
  ['set the clock', 'syscall(227, 112, 0, zeros(16))', REFUSED],
  ['adjust the clock', 'syscall(305, 266, 0, ones(208))', REFUSED],
  ['rename the machine', "attempt(lambda: socket.sethostname('taken'))", DENIED],
  ['open a file by its handle', 'syscall(304, 265, -100, zeros(128), 0)', REFUSED],
  // Control groups, namespaces and mounts
  ['raise its own memory limit', "anywhere('/sys/fs/cgroup/**/memory.limit_in_bytes', '/sys/fs/cgroup/**/memory.max')", ['none']],
  ['set a release agent', "anywhere('/sys/fs/cgroup/**/release_agent')", ['none']],
  ['leave its control group', "anywhere('/sys/fs/cgroup/**/cgroup.procs')", ['none']],
  ['mount a control group', "mount(b'cgroup', b'cgroup')", REFUSED],
  ['mount a disk', "mount(b'/dev/vda', b'ext4')", REFUSED],
  ['mount the proc of others', "mount(b'proc', b'proc')", REFUSED],
  ['mount an overlay', "mount(b'overlay', b'overlay')", REFUSED],
  ['change its root', "attempt(lambda: os.chroot('/tmp'))", DENIED],
  ['make a disk in memory and open it', "device('/dev/shm/disk', stat.S_IFBLK, 254, 0)", REFUSED],
  ['make a disk in its files and open it', "device('/root/disk', stat.S_IFBLK, 254, 0)", REFUSED],
  ['make the memory of the host and open it', "device('/tmp/memory', stat.S_IFCHR, 1, 1)", REFUSED],
  ['become another user in a user namespace', "in_namespace('65534 65534 1', 'os.setuid(65534)')", REFUSED],
  ['kill PID 1 from a user namespace', "in_namespace('0 0 1', 'os.kill(1, 9)')", REFUSED],
  // Privileges
  ['have a capability', "held_capabilities(safe('/proc/self/status'))", ['none']],
  ['gain a capability by a setuid program', 'held_capabilities(elevated())', ['none']],
  [
    'grant itself a file capability',
    "attempt(lambda: os.setxattr('/tmp/elevated', 'security.capability', bytes.fromhex('0100000200ffffff00000000ff01000000000000')))",
    REFUSED,
  ],
  ['become another user', 'attempt(lambda: os.setuid(65534))', DENIED],
  ['give a file to another user', "attempt(lambda: os.chown('/tmp', 65534, 65534))", DENIED],
  [
    'open more files than its limit',
    'attempt(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1 << 20, 1 << 20)))',
    ['EPERM', 'ValueError'],
  ],
  ['write a core dump', 'attempt(lambda: resource.setrlimit(resource.RLIMIT_CORE, (1, 1)))', ['EPERM', 'ValueError']],
  // PID 1, which ends the sandbox in time
  ['kill PID 1', 'attempt(lambda: os.kill(1, 9))', DENIED],
  ['stop PID 1', 'attempt(lambda: os.kill(1, 19))', DENIED],
  ['trace PID 1', 'syscall(101, 117, 0x4206, 1, 0, 0)', REFUSED],
  ['write to the memory of PID 1', "opened('/proc/1/mem', os.O_RDWR)", [...DENIED, ...ABSENT]],
  ['write to PID 1 by its pages', 'syscall(311, 271, 1, zeros(16), 1, zeros(16), 1, 0)', REFUSED],
  [
    'open a file of PID 1',
    "next((f for f in glob.glob('/proc/1/fd/[1-9]*') if opened(f, os.O_RDWR) == 'done'), 'none')",
    ['none'],
  ],
  [
    'read a secret from the variables of PID 1',
    "','.join(sorted(variables(1) - variables('self') - {'TERM', 'HOSTNAME', 'container'})) or 'none'",
    ['none'],
  ],
  ['limit PID 1', 'attempt(lambda: resource.prlimit(1, resource.RLIMIT_NOFILE, (1, 1)) and None)', REFUSED],
  [
    'spare itself at its memory limit',
    "attempt(lambda: os.write(os.open('/proc/1/oom_score_adj', os.O_WRONLY), b'-1000') and None)",
    [...DENIED, ...ABSENT],
  ],
];

const HELPERS = `
import stat
held = []
def zeros(size, value=0):
    held.append(ctypes.create_string_buffer(bytes([value]) * size, size)); return ctypes.addressof(held[-1])
def ones(size): return zeros(size, 255)
def safe(path):
    try: return open(path).read(65536)
    except OSError: return ''
def anywhere(*patterns):
    files = [f for p in patterns for f in glob.glob(p, recursive=True)]
    return 'done' if any(opened(f, os.O_WRONLY) == 'done' for f in files) else 'none'
def device(path, kind, major, minor):
    made = attempt(lambda: os.mknod(path, kind | 0o600, os.makedev(major, minor)))
    return opened(path, os.O_RDWR) if made == 'done' else made
def held_capabilities(status):
    sets = {line.split()[0]: line.split()[1] for line in status.splitlines() if line.startswith('Cap')}
    return ','.join(name for name, value in sets.items() if int(value, 16)) or ('none' if len(sets) > 3 else 'unknown')
def elevated():
    import shutil
    shutil.copy(os.path.realpath('/usr/bin/python3'), '/tmp/elevated'); os.chmod('/tmp/elevated', 0o6755)
    return subprocess.check_output(['/tmp/elevated', '-c', 'print(open("/proc/self/status").read())'], text=True)
def attempt(call):
    try:
        result = call()
        return 'done' if result is None else result if isinstance(result, (str, int)) else 'done'
    except ValueError: return 'ValueError'
    except OSError as error: return errno.errorcode.get(error.errno, type(error).__name__)
def variables(pid): return {entry.split('=')[0] for entry in safe(f'/proc/{pid}/environ').split('\\0') if entry}
def in_namespace(mapping, attack):
    parent, child = socket.socketpair()
    if os.fork() == 0:
        def run():
            checked(libc.unshare(0x10000000))
            with open('/proc/self/uid_map', 'w') as file: file.write(mapping)
            eval(attack)
        child.send(attempt(run).encode()); os._exit(0)
    child.close()
    return parent.recv(100).decode()
def mount(source, kind): return attempt(lambda: checked(libc.mount(source, b'/mnt', kind, 0, None)))
`;

describe.each(testRuntimes())('code in a sandbox is refused what reaches around it, %s runtime', (runtime) => {
  let provider: ContainerProvider;
  let inside: Inside;
  let neighbour: Inside;
  let outcomes: Record<string, string>;

  beforeAll(async () => {
    provider = await testContainerProvider({}, runtime);
    [inside, neighbour] = await Promise.all([Inside.open(provider), Inside.open(provider)]);
    const entries = PROBES.map(([name, expression]) => `    ${JSON.stringify(name)}: lambda: ${expression},`).join('\n');
    const script = `${HELPERS}\nprobes = {\n${entries}\n}\nanswer({name: str(probe()) for name, probe in probes.items()})`;
    outcomes = await inside.python(script);
  });

  afterAll(async () => {
    await Promise.all([inside.close(), neighbour.close()]);
    await provider.close();
  });

  it.each(PROBES)('to %s', (name, _, allowed) => {
    const isOwn = provider.capabilities().isolation === 'gvisor' && OWN_IN_GVISOR.has(name);
    expect(isOwn ? [...allowed, 'done'] : allowed).toContain(outcomes[name]);
  });

  it('sees its own kernel exactly where its isolation level says so', async () => {
    const { stdout } = await inside.run(['cat', '/proc/version']);
    const isHosts = stdout.toString().trim() === readFileSync('/proc/version', 'utf8').trim();
    expect(isHosts).toBe(provider.capabilities().isolation === 'shared-kernel');
  });

  it('left its neighbour, the host and itself working', async () => {
    expect(await neighbour.run(['echo', 'fine'])).toMatchObject({ returncode: 0 });
    expect(await inside.run(['echo', 'fine'])).toMatchObject({ returncode: 0 });
  });
});
