import type { ProviderHandle, SandboxSpec } from '@tollbox/sandboxes/application/ports/provider';
import type { ContainerProvider } from '@tollbox/sandboxes/infrastructure/container/container.provider';
import { IMAGE, testContainerProvider } from '../contract/container-subject';
import { patient, run, type RunResult, sandboxSpec } from '../contract/provider-contract';

/** Python that every script inside starts with: `attempt` tells how a call ended, `syscall` makes one by its x86-64 or arm64 number. */
const PRELUDE = `
import ctypes, errno, glob, json, os, platform, resource, signal, socket, subprocess, sys, time
libc = ctypes.CDLL(None, use_errno=True)
def answer(value): print(json.dumps(value))
def attempt(call):
    try:
        result = call()
        return 'done' if result is None else result if isinstance(result, (str, int)) else 'done'
    except OSError as error:
        return errno.errorcode.get(error.errno, type(error).__name__)
def checked(result):
    if result == -1: raise OSError(ctypes.get_errno(), 'refused')
    return None
def syscall(x86, arm, *args):
    number = x86 if platform.machine() == 'x86_64' else arm
    padded = [a if isinstance(a, bytes) else ctypes.c_long(a) for a in args]
    return attempt(lambda: checked(libc.syscall(ctypes.c_long(number), *padded)))
def opened(path, flags=os.O_RDONLY):
    def call():
        os.close(os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC))
    return attempt(call)
`;

/** One real sandbox, and code that is run in it. */
export class Inside {
  private constructor(
    readonly provider: ContainerProvider,
    readonly handle: ProviderHandle,
    readonly spec: SandboxSpec,
  ) {}

  static async open(provider: ContainerProvider, overrides: Partial<SandboxSpec> = {}): Promise<Inside> {
    const spec = sandboxSpec(IMAGE, overrides);
    return new Inside(provider, await provider.create(spec, patient()), spec);
  }

  run(argv: readonly string[], timeoutMs = 30_000): Promise<RunResult> {
    return run(this.provider, this.handle, argv, { timeoutMs });
  }

  /** What a Python script gives to `answer`. */
  async python<T>(script: string, args: readonly string[] = [], timeoutMs = 30_000): Promise<T> {
    const result = await this.run(['python3', '-c', PRELUDE + script, ...args], timeoutMs);
    if (result.returncode !== 0)
      throw new Error(`the script inside ended with ${result.returncode}: ${result.stderr.toString()}`);
    return JSON.parse(result.stdout.toString()) as T;
  }

  close(): Promise<void> {
    return this.provider.terminate(this.handle, patient());
  }
}

export { patient, testContainerProvider };
