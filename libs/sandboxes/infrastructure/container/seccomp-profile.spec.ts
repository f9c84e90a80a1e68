import { SECCOMP_PROFILE, SECCOMP_PROFILE_FILE } from './seccomp-profile';

const allowed = SECCOMP_PROFILE.syscalls.filter(({ action }) => action === 'SCMP_ACT_ALLOW');
const allowedAlways = allowed.filter(({ args }) => args === undefined).flatMap(({ names }) => names);

describe('the seccomp profile', () => {
  it('refuses what it does not name', () => {
    expect(SECCOMP_PROFILE).toMatchObject({ defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: 1 });
  });

  it('names every call once', () => {
    expect(allowedAlways.filter((name, index) => allowedAlways.indexOf(name) !== index)).toEqual([]);
    expect(allowedAlways.filter((name) => !/^[a-z][a-z0-9_]*$/.test(name))).toEqual([]);
  });

  it.each(
    `unshare setns mount umount2 pivot_root chroot fsopen fsmount fspick move_mount open_tree mount_setattr ptrace process_vm_readv
     process_vm_writev kcmp pidfd_getfd bpf perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register keyctl add_key
     request_key init_module finit_module delete_module kexec_load kexec_file_load reboot swapon swapoff syslog settimeofday clock_settime
     clock_adjtime adjtimex open_by_handle_at name_to_handle_at iopl ioperm acct quotactl lookup_dcookie mbind set_mempolicy migrate_pages
     move_pages fanotify_init sethostname setdomainname vhangup nfsservctl uselib modify_ldt clone3 clone socket personality`.split(
      /\s+/,
    ),
  )('does not allow %s whatever its arguments', (name) => {
    expect(allowedAlways).not.toContain(name);
  });

  it('allows clone without any namespace flag', () => {
    const [rule] = allowed.filter(({ names }) => names.includes('clone'));
    expect(rule?.args).toEqual([{ index: 0, value: 0x7e020000, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }]);
    const namespaces = [0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000];
    expect(namespaces.reduce((mask, flag) => mask | flag, 0)).toBe(0x7e020000);
  });

  it('allows the socket families of programs and none that leaves the network namespace', () => {
    const families = allowed.filter(({ names }) => names.includes('socket')).map(({ args }) => args?.[0]?.value);
    expect(families).toEqual([1, 2, 10, 16]);
  });

  it('is written to a file that is named by its content', () => {
    expect(SECCOMP_PROFILE_FILE).toMatch(/^seccomp-[0-9a-f]{16}\.json$/);
  });
});
