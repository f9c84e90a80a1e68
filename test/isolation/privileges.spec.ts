import type { ContainerProvider } from '@tollbox/sandboxes/infrastructure/container/container.provider';
import { Inside, testContainerProvider } from './inside';

const STATUS = `
def status():
    fields = dict(line.split(':', 1) for line in open('/proc/self/status').read().splitlines())
    return {key: fields[key].strip() for key in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb', 'NoNewPrivs', 'Seccomp')}
`;
const NOTHING = '0000000000000000';
const POWERLESS = {
  CapInh: NOTHING,
  CapPrm: NOTHING,
  CapEff: NOTHING,
  CapBnd: NOTHING,
  CapAmb: NOTHING,
  NoNewPrivs: '1',
  Seccomp: '2',
};

describe('code in a sandbox gains no privilege', () => {
  let provider: ContainerProvider;
  let inside: Inside;

  beforeAll(async () => {
    provider = await testContainerProvider();
    inside = await Inside.open(provider);
  });

  afterAll(async () => {
    await inside.close();
    await provider.close();
  });

  it('has no capability, may gain none and runs under the filter', async () => {
    expect(await inside.python(`${STATUS}\nanswer(status())`)).toEqual(POWERLESS);
  });

  it.each(['--user', '--mount', '--pid', '--net', '--ipc', '--uts', '--cgroup'])(
    'cannot make a namespace (unshare %s)',
    async (kind) => {
      const result = await inside.run(['unshare', kind, 'true']);
      expect(result.returncode).not.toBe(0);
      expect(result.stderr.toString()).toMatch(/not permitted/i);
    },
  );

  it('cannot make or enter a namespace by the calls below unshare', async () => {
    const script = `
flags = {'user': 0x10000000, 'mount': 0x20000, 'net': 0x40000000, 'pid': 0x20000000}
outcome = {name: syscall(56, 220, flag | signal.SIGCHLD, 0, 0, 0, 0) for name, flag in flags.items()}
outcome['clone3'] = syscall(435, 435, ctypes.addressof(ctypes.create_string_buffer(88)), 88)
own = os.open('/proc/self/ns/net', os.O_RDONLY)
outcome['setns'] = syscall(308, 268, own, 0)
answer(outcome)`;
    expect(await inside.python(script)).toEqual({
      user: 'EPERM',
      mount: 'EPERM',
      net: 'EPERM',
      pid: 'EPERM',
      clone3: 'ENOSYS',
      setns: 'EPERM',
    });
  });

  it('is not elevated by setuid programs or file capabilities', async () => {
    const script = `
import shutil
shutil.copy(os.path.realpath('/usr/bin/python3'), '/tmp/elevated'); os.chmod('/tmp/elevated', 0o6755)
status_script = ${JSON.stringify(`${STATUS}\nimport json; print(json.dumps(status()))`)}
elevated = json.loads(subprocess.check_output(['/tmp/elevated', '-c', status_script]))
grant = bytes.fromhex('0100000200ffffff00000000ff01000000000000')
answer({'elevated': elevated, 'grant': attempt(lambda: os.setxattr('/tmp/elevated', 'security.capability', grant))})`;
    const outcome = await inside.python<{ elevated: unknown; grant: string }>(script);
    expect(outcome.elevated).toEqual(POWERLESS);
    expect(outcome.grant).toBe('EPERM');
  });

  it('cannot become another user, so not the owner of the timer either', async () => {
    const script = `answer([attempt(lambda: os.setuid(65534)), attempt(lambda: os.setgid(65534)), attempt(lambda: os.setgroups([65534])), attempt(lambda: os.chown('/tmp', 65534, 65534))])`;
    expect(await inside.python(script)).toEqual(['EPERM', 'EPERM', 'EPERM', 'EPERM']);
  });

  it('cannot mount, unmount or change its root', async () => {
    const script = `
none = 0
answer({
  'tmpfs': attempt(lambda: checked(libc.mount(b'none', b'/mnt', b'tmpfs', 0, None))),
  'proc': attempt(lambda: checked(libc.mount(b'proc', b'/mnt', b'proc', 0, None))),
  'bind': attempt(lambda: checked(libc.mount(b'/proc', b'/mnt', None, 4096, None))),
  'remount': attempt(lambda: checked(libc.mount(None, b'/proc/sys', None, 32, None))),
  'umount': attempt(lambda: checked(libc.umount2(b'/proc/sys', 2))),
  'pivot_root': syscall(155, 41, b'/', b'/'),
  'chroot': attempt(lambda: os.chroot('/tmp')),
  'fsopen': syscall(430, 430, b'tmpfs', 0), 'open_tree': syscall(428, 428, -100, b'/', 1), 'move_mount': syscall(429, 429, -100, b'/', -100, b'/mnt', 0)})`;
    const outcome = await inside.python<Record<string, string>>(script);
    expect([...new Set(Object.values(outcome))]).toEqual(['EPERM']);
  });

  it('has no device but the harmless ones, and cannot make one', async () => {
    const script = `
import stat
devices = sorted(e.name for e in os.scandir('/dev') if stat.S_ISBLK(e.stat(follow_symlinks=False).st_mode) or stat.S_ISCHR(e.stat(follow_symlinks=False).st_mode))
make = lambda kind, major, minor: attempt(lambda: os.mknod(f'/tmp/device-{major}-{minor}', kind | 0o600, os.makedev(major, minor)))
answer({'devices': devices, 'mem': opened('/dev/mem'), 'kmsg': opened('/dev/kmsg'), 'kvm': opened('/dev/kvm'), 'fuse': opened('/dev/fuse'),
  'make': [make(stat.S_IFCHR, 1, 1), make(stat.S_IFCHR, 1, 11), make(stat.S_IFBLK, 8, 0), make(stat.S_IFBLK, 254, 0)]})`;
    const outcome = await inside.python<{ devices: string[]; make: string[] } & Record<string, unknown>>(script);
    const harmless = ['console', 'full', 'null', 'ptmx', 'random', 'tty', 'urandom', 'zero'];
    expect(outcome.devices.filter((device) => !harmless.includes(device))).toEqual([]);
    expect(outcome).toMatchObject({ mem: 'ENOENT', kmsg: 'ENOENT', kvm: 'ENOENT', fuse: 'ENOENT' });
    expect(outcome.make).toEqual(['EPERM', 'EPERM', 'EPERM', 'EPERM']);
  });

  it('is refused the calls that reach the kernel, its modules, keys, clocks and other processes', async () => {
    const script = `
buffer = ctypes.addressof(ctypes.create_string_buffer(4096))
answer({'init_module': syscall(175, 105, buffer, 8, b''), 'finit_module': syscall(313, 273, 0, b'', 0), 'delete_module': syscall(176, 106, b'none', 0),
  'kexec_load': syscall(246, 104, 0, 0, 0, 0), 'reboot': syscall(169, 142, 0, 0, 0, 0), 'swapon': syscall(167, 224, b'/tmp/none', 0),
  'bpf': syscall(321, 280, 0, buffer, 72), 'perf_event_open': syscall(298, 241, buffer, 0, -1, -1, 0), 'userfaultfd': syscall(323, 282, 0),
  'add_key': syscall(248, 217, b'user', b'name', b'data', 4, -3), 'request_key': syscall(249, 218, b'user', b'name', 0, 0), 'keyctl': syscall(250, 219, 0, -3, 0, 0, 0),
  'ptrace': syscall(101, 117, 0, 0, 0, 0), 'process_vm_readv': syscall(310, 270, os.getpid(), buffer, 1, buffer, 1, 0), 'pidfd_getfd': syscall(438, 438, 0, 0, 0),
  'kcmp': syscall(312, 272, os.getpid(), os.getpid(), 0, 0, 0), 'open_by_handle_at': syscall(304, 265, -100, buffer, 0), 'name_to_handle_at': syscall(303, 264, -100, b'/', buffer, buffer, 0),
  'syslog': syscall(103, 116, 3, buffer, 4096), 'settimeofday': syscall(164, 170, buffer, 0), 'sethostname': syscall(170, 161, b'other', 5), 'acct': syscall(163, 89, 0),
  'mbind': syscall(237, 235, 0, 0, 0, 0, 0, 0), 'fanotify_init': syscall(300, 262, 0, 0), 'quotactl': syscall(179, 60, 0, b'', 0, 0), 'no randomisation': syscall(135, 92, 0x40000)})`;
    const outcome = await inside.python<Record<string, string>>(script);
    for (const [call, how] of Object.entries(outcome)) expect([call, how]).toEqual([call, 'EPERM']);
  });

  it('is told that io_uring is not there', async () => {
    expect(
      await inside.python(
        'answer([syscall(425, 425, 8, 0), syscall(426, 426, 0, 0, 0, 0, 0, 0), syscall(427, 427, 0, 0, 0, 0)])',
      ),
    ).toEqual(['ENOSYS', 'ENOSYS', 'ENOSYS']);
  });

  it('can open no file of /proc/sys or /sys for writing, nor the dangerous ones of /proc', async () => {
    const script = `
writable = []
for root in ('/proc/sys', '/sys'):
    for directory, _, files in os.walk(root):
        for name in files:
            path = os.path.join(directory, name)
            if not os.path.islink(path) and opened(path, os.O_WRONLY) == 'done': writable.append(path)
answer({'writable': writable, 'sysrq': opened('/proc/sysrq-trigger', os.O_WRONLY), 'kmsg': opened('/proc/kmsg'),
  'core_pattern': opened('/proc/sys/kernel/core_pattern', os.O_WRONLY), 'kcore': attempt(lambda: len(open('/proc/kcore', 'rb').read(16)))})`;
    const outcome = await inside.python<Record<string, unknown>>(script);
    expect(outcome['writable']).toEqual([]);
    for (const file of ['sysrq', 'kmsg', 'core_pattern'])
      expect([file, ['EPERM', 'EACCES', 'EROFS', 'ENOENT'].includes(String(outcome[file]))]).toEqual([file, true]);
    expect([0, 'EPERM', 'EACCES', 'ENOENT']).toContain(outcome['kcore']);
  });

  it('cannot raise its own limits or priority', async () => {
    const script = `
def raised(kind):
    soft, hard = resource.getrlimit(kind)
    return attempt(lambda: resource.setrlimit(kind, (hard + 1, hard + 1)) if hard != -1 else checked(-1)) if hard != -1 else 'unlimited'
def guarded(call):
    try: return call()
    except ValueError: return 'EPERM'
answer({'core': guarded(lambda: raised(resource.RLIMIT_CORE)), 'files': guarded(lambda: raised(resource.RLIMIT_NOFILE)), 'nice': attempt(lambda: os.setpriority(os.PRIO_PROCESS, 0, -5)),
  'realtime': attempt(lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))), 'oom': attempt(lambda: os.write(os.open('/proc/self/oom_score_adj', os.O_WRONLY), b'-1000'))})`;
    const outcome = await inside.python<Record<string, string>>(script);
    expect(outcome).toMatchObject({ core: 'EPERM', files: 'EPERM', realtime: 'EPERM' });
    expect(['EPERM', 'EACCES']).toContain(outcome['nice']);
    expect(['EPERM', 'EACCES']).toContain(outcome['oom']);
  });
});
