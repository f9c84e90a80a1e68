import type { ProviderSnapshots, TakenSnapshot } from '@tollbox/sandboxes/application/ports/provider-snapshots';
import { randomUUID } from 'node:crypto';
import { patient, rejectionKind, run, sandboxSpec } from './contract-helpers';
import type { FeatureSubject } from './feature-contract';

const TTL_MS = 3_600_000;

/** What every provider with the feature `snapshots` keeps. */
export function describeSnapshots(subject: () => FeatureSubject): void {
  const labels = () => ({ installationId: randomUUID(), snapshotId: `sn-${randomUUID().replaceAll('-', '')}` });
  const provider = () => subject().provider;
  const image = () => subject().image;

  it('keep the files of their moment for new sandboxes, after their own has ended', async () => {
    const snapshots = provider().snapshots!;
    const source = await provider().create(sandboxSpec(image()), patient());
    const write = 'cd "${TMPDIR:-/tmp}"; mkdir kept; echo first > kept/file; chmod 750 kept/file; ln -s file kept/link';
    await run(provider(), source, ['sh', '-c', write]);
    const taken = await snapshots.take(source, labels(), { ttlMs: TTL_MS }, patient());
    await run(provider(), source, ['sh', '-c', 'echo later > "${TMPDIR:-/tmp}/kept/file"']);
    await provider().terminate(source, patient());

    const specs = [1, 2].map(() => sandboxSpec(image(), { snapshotRef: taken.snapshotRef }));
    const copies = await Promise.all(specs.map((spec) => provider().create(spec, patient())));
    const read = 'cd "${TMPDIR:-/tmp}/kept"; cat link; stat -c %a file; readlink link; echo mine > file';
    for (const copy of copies) {
      const { stdout, stderr } = await run(provider(), copy, ['sh', '-c', read]);
      expect({ stdout: stdout.toString(), stderr: stderr.toString() }).toEqual({ stdout: 'first\n750\nfile\n', stderr: '' });
    }
    for (const { installationId, sandboxId } of specs)
      expect((await provider().list(installationId, patient())).map((listed) => listed.sandboxId)).toEqual([sandboxId]);
    await Promise.all(copies.map((copy) => provider().terminate(copy, patient())));
    await removeTwice(snapshots, taken);
    const again = sandboxSpec(image(), { snapshotRef: taken.snapshotRef });
    expect(['misconfigured', 'unavailable']).toContain(await rejectionKind(provider().create(again, patient())));
  });

  it('are listed by their label for their installation only, where the provider lists them', async () => {
    const snapshots = provider().snapshots!;
    const source = await provider().create(sandboxSpec(image()), patient());
    const mine = labels();
    const taken = await snapshots.take(source, mine, { ttlMs: TTL_MS }, patient());
    await provider().terminate(source, patient());
    const listed = await snapshots.list(mine.installationId, patient());
    if (listed !== null) {
      expect(listed.map(({ snapshotId }) => snapshotId)).toEqual([mine.snapshotId]);
      expect(await snapshots.list(randomUUID(), patient())).toEqual([]);
      await snapshots.remove(listed[0]!.snapshotRef, patient());
      expect(await snapshots.list(mine.installationId, patient())).toEqual([]);
    }
    await removeTwice(snapshots, taken);
  });

  it('are refused for a sandbox that has ended, and after the deadline', async () => {
    const snapshots = provider().snapshots!;
    const gone = await provider().create(sandboxSpec(image()), patient());
    await provider().terminate(gone, patient());
    expect(await rejectionKind(snapshots.take(gone, labels(), { ttlMs: TTL_MS }, patient()))).toBe('gone');
    expect(await rejectionKind(snapshots.take(gone, labels(), { ttlMs: TTL_MS }, AbortSignal.abort()))).toBe('timeout');
  });
}

async function removeTwice(snapshots: ProviderSnapshots, { snapshotRef }: TakenSnapshot): Promise<void> {
  await snapshots.remove(snapshotRef, patient());
  await snapshots.remove(snapshotRef, patient());
}
