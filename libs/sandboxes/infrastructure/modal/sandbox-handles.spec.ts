import { ClientClosedError, ModalClient, Sandbox, SandboxFilesystem } from 'modal';
import { SandboxHandles } from './sandbox-handles';

const client = new ModalClient({ tokenId: 'ak-test', tokenSecret: 'as-test' });

/** Real handles; a detached one refuses to give its file system. */
function open(providerRef: string): Sandbox {
  return new Sandbox(client, providerRef);
}
function isDetached(sandbox: Sandbox): boolean {
  try {
    return !(sandbox.filesystem instanceof SandboxFilesystem);
  } catch (error) {
    if (error instanceof ClientClosedError) return true;
    throw error;
  }
}

describe('sandbox handles', () => {
  it('are opened once per sandbox, also by callers at the same time', async () => {
    const handles = new SandboxHandles(8, (ref) => Promise.resolve(open(ref)));
    const [first, second] = await Promise.all([handles.lease('sb-a'), handles.lease('sb-a')]);
    expect(first.sandbox).toBe(second.sandbox);
    expect(handles.size).toBe(1);
  });

  it('are detached, the least recently used first, when more than the limit are idle', async () => {
    const handles = new SandboxHandles(2, open);
    const used: Sandbox[] = [];
    for (const ref of ['sb-a', 'sb-b', 'sb-a', 'sb-c']) {
      const lease = await handles.lease(ref);
      used.push(lease.sandbox);
      lease.release();
    }
    expect(used.map(isDetached)).toEqual([false, true, false, false]);
    expect(handles.size).toBe(2);
  });

  it('stay connected while they are used, however many there are', async () => {
    const handles = new SandboxHandles(0, open);
    const leases = await Promise.all(['sb-a', 'sb-b', 'sb-c'].map((ref) => handles.lease(ref)));
    expect(leases.some(({ sandbox }) => isDetached(sandbox))).toBe(false);
    for (const lease of leases) lease.release();
    expect(leases.every(({ sandbox }) => isDetached(sandbox))).toBe(true);
    expect(handles.size).toBe(0);
  });

  it('in use are shared with later users while idle ones come and go', async () => {
    const handles = new SandboxHandles(0, open);
    const first = await handles.lease('sb-a');
    (await handles.lease('sb-b')).release();
    expect((await handles.lease('sb-a')).sandbox).toBe(first.sandbox);
  });

  it('that are retired in use are detached by their last user, and opened anew for the next', async () => {
    const handles = new SandboxHandles(8, open);
    const [first, second] = [await handles.lease('sb-a'), await handles.lease('sb-a')];
    handles.retire('sb-a');
    first.release();
    first.release();
    expect(isDetached(second.sandbox)).toBe(false);
    const next = await handles.lease('sb-a');
    expect(next.sandbox).not.toBe(second.sandbox);
    second.release();
    expect(isDetached(second.sandbox)).toBe(true);
    expect(isDetached(next.sandbox)).toBe(false);
  });
});
