import { createHash } from 'node:crypto';

/** The seccomp profile format that Docker and Podman share. */
export interface SeccompArgument {
  readonly index: number;
  readonly value: number;
  readonly valueTwo?: number;
  readonly op: 'SCMP_CMP_EQ' | 'SCMP_CMP_MASKED_EQ';
}
export interface SeccompRule {
  readonly names: readonly string[];
  readonly action: 'SCMP_ACT_ALLOW' | 'SCMP_ACT_ERRNO';
  readonly errnoRet?: number;
  readonly args?: readonly SeccompArgument[];
}
export interface SeccompProfile {
  readonly defaultAction: 'SCMP_ACT_ERRNO';
  readonly defaultErrnoRet: number;
  readonly syscalls: readonly SeccompRule[];
}

const EPERM = 1;
const ENOSYS = 38;

/** Allowed whatever their arguments are, by what a program needs them for. Names of other architectures are ignored. */
const ALLOWED = {
  files: `open openat openat2 creat close close_range read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2
    lseek stat lstat fstat newfstatat statx statfs fstatfs access faccessat faccessat2 readlink readlinkat getdents getdents64
    rename renameat renameat2 link linkat unlink unlinkat symlink symlinkat mkdir mkdirat rmdir mknod mknodat truncate ftruncate
    fallocate fadvise64 readahead sync fsync fdatasync syncfs sync_file_range copy_file_range sendfile splice tee
    chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat utime utimes utimensat futimesat umask flock
    getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr
    getcwd chdir fchdir dup dup2 dup3 fcntl ioctl pipe pipe2 memfd_create
    inotify_init inotify_init1 inotify_add_watch inotify_rm_watch`,
  waiting: `select pselect6 poll ppoll epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2
    eventfd eventfd2 signalfd signalfd4 timerfd_create timerfd_settime timerfd_gettime`,
  memory: `brk mmap munmap mremap mprotect msync madvise mincore mlock mlock2 mlockall munlock munlockall membarrier
    pkey_alloc pkey_free pkey_mprotect map_shadow_stack mseal cachestat`,
  processes: `fork vfork execve execveat exit exit_group wait4 waitid kill tkill tgkill pidfd_open pidfd_send_signal
    getpid getppid gettid getpgid getpgrp setpgid getsid setsid arch_prctl prctl set_tid_address set_thread_area get_thread_area
    set_robust_list get_robust_list rseq futex futex_waitv futex_wait futex_wake futex_requeue restart_syscall
    getrusage times getrlimit setrlimit prlimit64 getpriority setpriority ioprio_get ioprio_set
    sched_yield sched_getaffinity sched_setaffinity sched_getparam sched_setparam sched_getscheduler sched_setscheduler
    sched_getattr sched_setattr sched_get_priority_min sched_get_priority_max sched_rr_get_interval getcpu`,
  signals: `rt_sigaction rt_sigprocmask rt_sigpending rt_sigsuspend rt_sigtimedwait rt_sigqueueinfo rt_tgsigqueueinfo rt_sigreturn
    sigaltstack pause alarm getitimer setitimer`,
  time: `time gettimeofday clock_gettime clock_getres clock_nanosleep nanosleep
    timer_create timer_settime timer_gettime timer_getoverrun timer_delete`,
  identity: `getuid geteuid getgid getegid getresuid getresgid getgroups setuid setgid setreuid setregid setresuid setresgid
    setgroups setfsuid setfsgid capget capset`,
  network: `connect bind listen accept accept4 getsockname getpeername getsockopt setsockopt shutdown
    sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg`,
  sharing: `shmget shmat shmctl shmdt semget semop semtimedop semctl msgget msgsnd msgrcv msgctl
    mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr`,
  system: `uname sysinfo getrandom seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self`,
} as const;

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET together. */
const CLONE_NAMESPACE_FLAGS = 0x7e020000;
/** Unix, IPv4, IPv6 and netlink (interface lists). Not packet, vsock (it reaches the host of a VM past every namespace) or alg. */
const SOCKET_FAMILIES = { AF_UNIX: 1, AF_INET: 2, AF_INET6: 10, AF_NETLINK: 16 } as const;
/** PER_LINUX, PER_LINUX32, UNAME26 with and without, and the query. ADDR_NO_RANDOMIZE is left out. */
const PERSONALITIES = [0x0, 0x8, 0x20000, 0x20008, 0xffffffff] as const;
/**
 * Answered with "not implemented" so that libraries take their older way. clone3 hides its flags behind a pointer that
 * a filter cannot read; io_uring runs system calls that no filter sees.
 */
const NOT_IMPLEMENTED = ['clone3', 'io_uring_setup', 'io_uring_enter', 'io_uring_register'] as const;

const names = (text: string): string[] => text.split(/\s+/);
const allow = (syscalls: readonly string[], ...args: SeccompArgument[]): SeccompRule => ({
  names: syscalls,
  action: 'SCMP_ACT_ALLOW',
  ...(args.length > 0 ? { args } : {}),
});
const equals = (index: number, value: number): SeccompArgument => ({ index, value, op: 'SCMP_CMP_EQ' });

/**
 * An allow-list: what is not named is refused with EPERM. Left out on purpose are namespaces and mounts (unshare, setns,
 * mount, pivot_root, chroot, …), other processes' memory (ptrace, process_vm_*, kcmp, pidfd_getfd), the kernel's own
 * programs and keys (bpf, perf_event_open, userfaultfd, io_uring, keyctl), modules, swap, reboot, the kernel log, clocks,
 * NUMA policies and file handles. Only the native architecture's calls are allowed.
 */
export const SECCOMP_PROFILE: SeccompProfile = {
  defaultAction: 'SCMP_ACT_ERRNO',
  defaultErrnoRet: EPERM,
  syscalls: [
    ...Object.values(ALLOWED).map((text) => allow(names(text))),
    allow(['clone'], { index: 0, value: CLONE_NAMESPACE_FLAGS, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }),
    ...Object.values(SOCKET_FAMILIES).map((family) => allow(['socket'], equals(0, family))),
    allow(['socketpair'], equals(0, SOCKET_FAMILIES.AF_UNIX)),
    ...PERSONALITIES.map((personality) => allow(['personality'], equals(0, personality))),
    { names: NOT_IMPLEMENTED, action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS },
  ],
};

/** The profile as the engines take it, always the same bytes. */
export const SECCOMP_PROFILE_JSON = JSON.stringify(SECCOMP_PROFILE);

/** Name of the profile's file on the engine's host; another profile has another name, so the file never changes. */
export const SECCOMP_PROFILE_FILE = `seccomp-${createHash('sha256').update(SECCOMP_PROFILE_JSON).digest('hex').slice(0, 16)}.json`;
