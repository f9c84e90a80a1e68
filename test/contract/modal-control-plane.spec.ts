import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SandboxProvider, SandboxSpec } from '@tollbox/sandboxes/application/ports/provider';
import { ModalClient } from 'modal';
import { ClientError, Status } from 'nice-grpc';
import { LocalControlPlane } from '../support/modal/control-plane';
import { IMAGE, providerOn } from '../support/modal/provider-on-plane';
import { eventually, patient, run, sandboxSpec } from './provider-contract';

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/** Leaves a process behind that is in a session of its own and that no command waits for; returns its id. */
async function leaveProcessBehind(provider: SandboxProvider): Promise<{ pid: number; providerRef: string }> {
  const { providerRef } = await provider.create(sandboxSpec(IMAGE), patient());
  const script =
    'import subprocess; print(subprocess.Popen(["sleep", "300"], start_new_session=True, stdin=-3, stdout=-3, stderr=-3).pid)';
  const { stdout } = await run(provider, { providerRef }, ['python', '-c', script]);
  return { pid: Number(stdout.toString()), providerRef };
}

describe('the local control plane', () => {
  it('leaves no process and no directory behind', async () => {
    const plane = await LocalControlPlane.start();
    const provider = providerOn(plane);
    const { pid, providerRef } = await leaveProcessBehind(provider);
    const { directory } = plane.view(providerRef);
    expect(isAlive(pid)).toBe(true);
    expect(existsSync(directory)).toBe(true);
    await provider.close();
    await plane.stop();
    expect(
      await eventually(
        () => Promise.resolve(isAlive(pid)),
        (alive) => !alive,
      ),
    ).toBe(false);
    expect(existsSync(join(directory, '..'))).toBe(false);
  });

  it('is asked for the network of the order', async () => {
    const plane = await LocalControlPlane.start();
    const provider = providerOn(plane);
    const asked = async (network: SandboxSpec['network']) => {
      const { providerRef } = await provider.create(
        sandboxSpec(IMAGE, { ...(network === undefined ? {} : { network }) }),
        patient(),
      );
      return plane.view(providerRef).definition.networkAccess;
    };
    const [none, open] = [
      { allowedCidrs: [], allowedDomains: [] },
      { cidrs: [], domains: [] },
    ];
    expect(await asked(undefined)).toMatchObject({ networkAccessType: 1, ...none });
    expect(await asked({ policy: 'public', ...open })).toMatchObject({ networkAccessType: 1, ...none });
    expect(await asked({ policy: 'none', ...open })).toMatchObject({ networkAccessType: 2, ...none });
    expect(await asked({ policy: 'allow_list', cidrs: ['203.0.113.0/24'], domains: ['*.pypi.org'] })).toMatchObject({
      networkAccessType: 3,
      allowedCidrs: ['203.0.113.0/24'],
      allowedDomains: ['*.pypi.org'],
    });
    await provider.close();
    await plane.stop();
  });

  it('ends the processes of a sandbox with the sandbox and not those of another', async () => {
    const plane = await LocalControlPlane.start();
    const provider = providerOn(plane);
    const [ended, kept] = await Promise.all([leaveProcessBehind(provider), leaveProcessBehind(provider)]);
    await provider.terminate(ended, patient());
    expect(
      await eventually(
        () => Promise.resolve(isAlive(ended.pid)),
        (alive) => !alive,
      ),
    ).toBe(false);
    expect(isAlive(kept.pid)).toBe(true);
    await provider.close();
    await plane.stop();
  });

  it('refuses a lifetime over a day and an unknown credential, as Modal does', async () => {
    const plane = await LocalControlPlane.start();
    Object.assign(process.env, plane.environment);
    const client = new ModalClient({ tokenId: 'ak-test', tokenSecret: 'as-test' });
    const app = await client.apps.fromName('tollbox-test', { createIfMissing: true });
    const image = await client.images.fromRegistry(IMAGE).build(app);
    const day = await failureOf(client.sandboxes.create(app, image, { timeoutMs: 86_401_000 }));
    expect(day).toMatchObject({ code: Status.INVALID_ARGUMENT });
    const stranger = new ModalClient({ tokenId: 'ak-test', tokenSecret: 'as-other' });
    expect(await failureOf(stranger.apps.fromName('x', { createIfMissing: true }))).toMatchObject({
      code: Status.UNAUTHENTICATED,
    });
    await plane.stop();
  });

  it.each([
    ['is told to end', (child: ChildProcess) => void child.kill('SIGTERM')],
    ['loses its parent', (child: ChildProcess) => void child.stdin?.end()],
  ])('runs as a process of its own and cleans up when it %s', async (_when, end) => {
    const child = spawn(process.execPath, [join(__dirname, '../support/modal/start.cjs'), '--with-parent'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
    const { environment } = JSON.parse(await firstLine(child)) as { environment: Record<string, string> };
    const provider = providerOn({ environment });
    const { pid } = await leaveProcessBehind(provider);
    await provider.close();
    end(child);
    expect(await exited).toBe(0);
    expect(
      await eventually(
        () => Promise.resolve(isAlive(pid)),
        (alive) => !alive,
      ),
    ).toBe(false);
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith(`tollbox-modal-${child.pid}-`))).toEqual([]);
  });
});

async function failureOf(promise: Promise<unknown>): Promise<ClientError> {
  const outcome: unknown = await promise.catch((error: unknown) => error);
  if (outcome instanceof ClientError) return outcome;
  throw new Error('expected a ClientError', { cause: outcome });
}

async function firstLine(child: ChildProcess): Promise<string> {
  let text = '';
  for await (const chunk of child.stdout ?? []) {
    text += String(chunk);
    if (text.includes('\n')) return text;
  }
  throw new Error('the process ended without a line');
}
