import type { Clock } from '@tollbox/platform/clock/clock';
import type { Random } from '@tollbox/platform/clock/random';
import type { Config } from '@tollbox/platform/config/config';
import type { PhaseObserver } from '@tollbox/platform/faults/phase-boundaries';
import type { SandboxAccess } from './application/access';
import { SnapshotOperation } from './application/operations/snapshot.operation';
import type { InstallationView } from './application/ports/installation-view';
import type { SandboxProvider } from './application/ports/provider';
import type { SandboxStore } from './application/ports/sandbox-store';
import type { SnapshotStore } from './application/ports/snapshot-store';
import type { ProviderCalls } from './application/provider-calls';
import { EndSnapshot } from './application/snapshots/end-snapshot';
import { KeepSnapshots } from './application/snapshots/keep-snapshots';
import { SettleSnapshot } from './application/snapshots/settle-snapshot';
import { SnapshotCalls } from './application/snapshots/snapshot-calls';
import { snapshotSettings } from './application/snapshots/snapshot-settings';
import { TakeSnapshot } from './application/snapshots/take-snapshot';
import { newSnapshotId } from './domain/snapshot';
import { snapshotBodySchema } from './domain/snapshot-wire';

export interface SnapshotParts {
  readonly store: SandboxStore;
  readonly snapshotStore: SnapshotStore;
  readonly provider: SandboxProvider;
  readonly installation: InstallationView;
  readonly clock: Clock;
  readonly random: Random;
  readonly phases: PhaseObserver;
}

/** The use cases of snapshots, put together. */
export interface Snapshots {
  readonly take: TakeSnapshot;
  readonly keep: KeepSnapshots;
  readonly ender: EndSnapshot;
  readonly calls: SnapshotCalls;
  readonly operation: SnapshotOperation;
}

export function assembleSnapshots(config: Config, parts: SnapshotParts, calls: ProviderCalls, access: SandboxAccess): Snapshots {
  const { store, snapshotStore, installation, clock, random, phases } = parts;
  const settings = snapshotSettings(config);
  const snapshots = new SnapshotCalls(parts.provider, calls, settings);
  const ender = new EndSnapshot(snapshotStore, snapshots, installation, clock, settings);
  const settlement = new SettleSnapshot(store, snapshotStore, snapshots, installation, ender);
  const newId = () => newSnapshotId((length) => random.bytes(length));
  return {
    take: new TakeSnapshot(snapshotStore, snapshots, access, installation, ender, settings, phases, newId),
    keep: new KeepSnapshots(snapshotStore, ender, clock),
    ender,
    calls: snapshots,
    operation: new SnapshotOperation(snapshotBodySchema(settings), access, snapshotStore, snapshots, settlement, clock, settings),
  };
}
