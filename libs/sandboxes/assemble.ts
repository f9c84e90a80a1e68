import type { Clock } from '@tollbox/platform/clock/clock';
import type { Ids, Random } from '@tollbox/platform/clock/random';
import type { Config } from '@tollbox/platform/config/config';
import type { PhaseObserver } from '@tollbox/platform/faults/phase-boundaries';
import type { Operation } from '@tollbox/platform/operations/operation';
import { SandboxAccess } from './application/access';
import { AdmitCreate } from './application/admit-create';
import { AdmitExec } from './application/admit-exec';
import { ChangeTags } from './application/change-tags';
import { ClaimPooled } from './application/claim-pooled';
import { CreateSandbox } from './application/create-sandbox';
import { EndSandbox } from './application/end-sandbox';
import { ExecCommand } from './application/exec-command';
import { ObserveSandbox } from './application/observe-sandbox';
import { CreateOperation } from './application/operations/create.operation';
import { ExecOperation } from './application/operations/exec.operation';
import { CellOperation } from './application/operations/cell.operation';
import { RunOperation } from './application/operations/run.operation';
import { StatusOperation } from './application/operations/status.operation';
import { ResourceCreateOperation } from './application/operations/resource-create.operation';
import { ResourceDeleteOperation } from './application/operations/resource-delete.operation';
import { ResourceExecOperation } from './application/operations/resource-exec.operation';
import { ResourceTagsOperation } from './application/operations/resource-tags.operation';
import { TerminateOperation } from './application/operations/terminate.operation';
import type { InstallationView } from './application/ports/installation-view';
import type { PoolStore } from './application/ports/pool-store';
import type { SandboxProvider } from './application/ports/provider';
import type { RefusalObserver } from './application/ports/refusal-observer';
import type { SandboxStore } from './application/ports/sandbox-store';
import type { TunnelStore } from './application/ports/tunnel-store';
import type { SnapshotStore } from './application/ports/snapshot-store';
import { ProviderCalls, type CallObserver } from './application/provider-calls';
import { RecordedExecution } from './application/recorded-execution';
import { interpreterSettings } from './application/interpreter/interpreter-settings';
import { RunCell } from './application/interpreter/run-cell';
import type { InterpreterStore } from './application/ports/interpreter-store';
import { RunCode } from './application/run-code';
import { SandboxStatus } from './application/sandbox-status';
import { bodyLimits, resourceLimits, runLimits, sandboxSettings } from './application/settings';
import { SettleCreation } from './application/settle-creation';
import { StopSandbox } from './application/stop-sandbox';
import { TerminateSandbox } from './application/terminate-sandbox';
import { createBodySchemas } from './domain/bodies';
import { createCellSchema } from './domain/interpreter';
import { createRunBodySchema } from './domain/run';
import { createResourceSchemas } from './domain/resource-bodies';
import { newSandboxId } from './domain/sandbox-id';
import { assembleFiles, type Files } from './assemble-files';
import { assembleSnapshots, type Snapshots } from './assemble-snapshots';
import { assembleTunnels, type Tunnels } from './assemble-tunnels';

/** Where contexts are kept, and the program and arguments of an interpreter. */
export interface InterpreterParts {
  readonly contexts: InterpreterStore;
  readonly argv: readonly string[];
}

/** What the library stands on. */
export interface SandboxParts {
  readonly store: SandboxStore;
  readonly snapshotStore: SnapshotStore;
  readonly pool: PoolStore;
  readonly tunnelStore: TunnelStore;
  readonly interpreter: InterpreterParts;
  readonly provider: SandboxProvider;
  readonly installation: InstallationView;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly random: Random;
  readonly phases: PhaseObserver;
  readonly refusals: RefusalObserver;
  readonly observer: CallObserver;
}

/** The use cases, put together. */
export interface Sandboxes {
  readonly create: CreateSandbox;
  readonly exec: ExecCommand;
  readonly run: RunCode;
  readonly status: SandboxStatus;
  readonly terminate: TerminateSandbox;
  readonly tags: ChangeTags;
  readonly access: SandboxAccess;
  readonly stop: StopSandbox;
  readonly ender: EndSandbox;
  readonly observer: ObserveSandbox;
  readonly provider: ProviderCalls;
  readonly snapshots: Snapshots;
  readonly tunnels: Tunnels;
  readonly files: Files;
  readonly cell: RunCell;
  readonly operations: readonly Operation[];
}

/** Puts the library together; the Nest module and the tests do it with the same code. */
export function assembleSandboxes(config: Config, parts: SandboxParts): Sandboxes {
  const { store, installation, clock, ids, random, phases } = parts;
  const settings = sandboxSettings(config);
  const provider = new ProviderCalls(parts.provider, settings, parts.observer);
  const access = new SandboxAccess(store, parts.refusals);
  const ender = new EndSandbox(store, provider, installation, clock, settings);
  const observer = new ObserveSandbox(store, provider, clock);
  const executions = new RecordedExecution(store, observer, clock, ids, settings);
  const newId = () => newSandboxId((length) => random.bytes(length));
  const creation = new SettleCreation(store, provider, installation, ender, clock);
  const snapshots = assembleSnapshots(config, parts, provider, access);
  const pooled = new ClaimPooled(parts.pool, store, provider, settings);
  const create = new CreateSandbox(store, provider, installation, ender, pooled, settings, phases, newId);
  const tunnels = assembleTunnels(config, parts, provider, access);
  const limits = bodyLimits(config, parts.provider.capabilities());
  const bodies = createBodySchemas(limits);
  const admission = new AdmitExec(access, store, clock, settings);
  const files = assembleFiles(config, { store, provider, access, admission, executions, clock, phases });
  const admitCreate = new AdmitCreate(store, provider, installation, settings);
  const resources = createResourceSchemas(resourceLimits(config, parts.provider.capabilities()), bodies);
  return {
    create,
    exec: new ExecCommand(executions, provider, access, settings, phases),
    run: new RunCode(store, create, executions, provider, ender, settings, phases),
    status: new SandboxStatus(store, access, observer, clock),
    terminate: new TerminateSandbox(store, access, ender, phases),
    tags: new ChangeTags(store, access, settings),
    access,
    stop: new StopSandbox(store, ender),
    ender,
    observer,
    provider,
    snapshots,
    tunnels,
    files,
    cell: new RunCell(executions, parts.interpreter, provider, access, interpreterSettings(config), clock, ids),
    operations: [
      new CreateOperation(bodies.create, admitCreate, creation, store, ender, settings),
      new ExecOperation(bodies.exec, admission, store, settings),
      new StatusOperation(bodies.status, access, settings),
      new RunOperation(createRunBodySchema(limits, runLimits(config)), admitCreate, provider, store, ender, settings),
      new TerminateOperation(bodies.terminate, access, store, ender, settings),
      snapshots.operation,
      tunnels.operation,
      ...files.operations,
      new CellOperation(createCellSchema(limits), admission, provider, store, settings),
      new ResourceCreateOperation(resources.create, admitCreate, creation, store, ender, settings),
      new ResourceExecOperation(resources.exec, admission, provider, store, settings),
      new ResourceDeleteOperation(resources.delete, access, store, ender, settings),
      new ResourceTagsOperation(resources.tags, access, store, clock),
    ],
  };
}
