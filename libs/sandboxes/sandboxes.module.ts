import { Inject, Logger, Module, type FactoryProvider, type OnApplicationShutdown } from '@nestjs/common';
import { RefusalLog } from '@tollbox/platform/access/refusal-log';
import { AuditLog } from '@tollbox/platform/audit/audit-log';
import { CLOCK, type Clock } from '@tollbox/platform/clock/clock';
import { IDS, RANDOM, type Ids, type Random } from '@tollbox/platform/clock/random';
import { CONFIG, type Config } from '@tollbox/platform/config/config';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import { createPhaseObserver } from '@tollbox/platform/faults/phase-boundaries';
import { InstallationService } from '@tollbox/platform/installation/installation.service';
import { OperationRegistry } from '@tollbox/platform/operations/operation';
import { SandboxAccess } from './application/access';
import { ChangeTags } from './application/change-tags';
import type { Pool } from 'pg';
import { CreateSandbox } from './application/create-sandbox';
import { EndSandbox } from './application/end-sandbox';
import { ExecCommand } from './application/exec-command';
import { FileWork } from './application/files/file-work';
import { LookAtFiles } from './application/files/look-at-files';
import { ObserveSandbox } from './application/observe-sandbox';
import { OWN_SANDBOXES, type OwnSandboxes } from './application/ports/own-sandboxes';
import type { SandboxProvider } from './application/ports/provider';
import { SANDBOX_PROVIDER } from './application/ports/provider';
import { SANDBOX_QUERIES } from './application/ports/sandbox-queries';
import { POOL_STORE, type PoolStore } from './application/ports/pool-store';
import { SANDBOX_STORE, type SandboxStore } from './application/ports/sandbox-store';
import { ProviderCalls } from './application/provider-calls';
import { SNAPSHOT_STORE, type SnapshotStore } from './application/ports/snapshot-store';
import { TUNNEL_STORE, type TunnelStore } from './application/ports/tunnel-store';
import { EndSnapshot } from './application/snapshots/end-snapshot';
import { KeepSnapshots } from './application/snapshots/keep-snapshots';
import { SnapshotCalls } from './application/snapshots/snapshot-calls';
import { TakeSnapshot } from './application/snapshots/take-snapshot';
import { RunCode } from './application/run-code';
import { ListTunnels } from './application/tunnels/list-tunnels';
import { OpenTunnels } from './application/tunnels/open-tunnel';
import { PassTunnel } from './application/tunnels/pass-tunnel';
import { RunCell } from './application/interpreter/run-cell';
import { SandboxStatus } from './application/sandbox-status';
import { sandboxSettings } from './application/settings';
import { ShowOwnSandboxes } from './application/show-own-sandboxes';
import { StopSandbox } from './application/stop-sandbox';
import { TerminateSandbox } from './application/terminate-sandbox';
import { assembleSandboxes, type Sandboxes } from './assemble';
import { PgOwnSandboxes } from './infrastructure/persistence/own-sandboxes';
import { PgSandboxQueries } from './infrastructure/persistence/sandbox.queries';
import { PgPoolStore } from './infrastructure/persistence/pool-rows';
import { PgSandboxStore } from './infrastructure/persistence/sandbox.store';
import { PgSnapshotStore } from './infrastructure/persistence/snapshot.store';
import { interpreterParts } from './infrastructure/interpreter/kernel';
import { PgTunnelStore } from './infrastructure/persistence/tunnel.store';
import { createProvider } from './infrastructure/provider-factory';
import { ProviderHealth } from './infrastructure/provider-health';
import { AuditedRefusals } from './infrastructure/refusal-observer';

const SANDBOXES = Symbol('Sandboxes');
/** Nest's injection token of the provider's HealthContributor. */
export const PROVIDER_HEALTH = Symbol('ProviderHealth');
const log = new Logger('Sandboxes');

/** Provides one part of the assembled library under its class. */
function part<Token extends abstract new (...args: never[]) => unknown>(
  token: Token,
  pick: (sandboxes: Sandboxes) => InstanceType<Token>,
): FactoryProvider {
  return { provide: token, inject: [SANDBOXES], useFactory: pick };
}

const PARTS: FactoryProvider[] = [
  part(CreateSandbox, ({ create }) => create),
  part(ExecCommand, ({ exec }) => exec),
  part(RunCode, ({ run }) => run),
  part(RunCell, ({ cell }) => cell),
  part(SandboxStatus, ({ status }) => status),
  part(TerminateSandbox, ({ terminate }) => terminate),
  part(ChangeTags, ({ tags }) => tags),
  part(SandboxAccess, ({ access }) => access),
  part(EndSandbox, ({ ender }) => ender),
  part(StopSandbox, ({ stop }) => stop),
  part(ObserveSandbox, ({ observer }) => observer),
  part(FileWork, ({ files }) => files.work),
  part(LookAtFiles, ({ files }) => files.look),
  part(TakeSnapshot, ({ snapshots }) => snapshots.take),
  part(KeepSnapshots, ({ snapshots }) => snapshots.keep),
  part(EndSnapshot, ({ snapshots }) => snapshots.ender),
  part(SnapshotCalls, ({ snapshots }) => snapshots.calls),
  part(OpenTunnels, ({ tunnels }) => tunnels.open),
  part(ListTunnels, ({ tunnels }) => tunnels.list),
  part(PassTunnel, ({ tunnels }) => tunnels.pass),
  part(ProviderCalls, ({ provider }) => provider),
  part(OperationRegistry, ({ operations }) => new OperationRegistry(operations)),
];

/**
 * Sandboxes of a process: the use cases, their operations (OperationRegistry) and the provider that the configuration
 * names. Needs PlatformModule. Routes are in SandboxesHttpModule.
 */
@Module({
  providers: [
    { provide: SANDBOX_PROVIDER, inject: [CONFIG, PG_POOL], useFactory: createProvider },
    { provide: SANDBOX_STORE, useClass: PgSandboxStore },
    { provide: SNAPSHOT_STORE, useClass: PgSnapshotStore },
    { provide: TUNNEL_STORE, useClass: PgTunnelStore },
    { provide: SANDBOX_QUERIES, useClass: PgSandboxQueries },
    { provide: POOL_STORE, useClass: PgPoolStore },
    {
      provide: SANDBOXES,
      inject: [
        ...[CONFIG, SANDBOX_STORE, SNAPSHOT_STORE, POOL_STORE, TUNNEL_STORE, SANDBOX_PROVIDER, PG_POOL],
        ...[InstallationService, CLOCK, IDS, RANDOM, AuditLog],
      ],
      useFactory: (
        config: Config,
        store: SandboxStore,
        snapshotStore: SnapshotStore,
        pool: PoolStore,
        tunnelStore: TunnelStore,
        provider: SandboxProvider,
        pgPool: Pool,
        installation: InstallationService,
        clock: Clock,
        ids: Ids,
        random: Random,
        audit: AuditLog,
      ): Sandboxes =>
        assembleSandboxes(config, {
          store,
          snapshotStore,
          pool,
          tunnelStore,
          interpreter: interpreterParts(pgPool),
          provider,
          installation,
          clock,
          ids,
          random,
          phases: createPhaseObserver(config.FAULT_KILL_AT),
          refusals: new AuditedRefusals(new RefusalLog(audit, clock)),
          observer: {
            lateSandboxLeft: (sandboxId, error) =>
              log.warn({ msg: `sandbox ${sandboxId} came after its deadline and is left to the reaper`, err: error }),
          },
        }),
    },
    {
      provide: PROVIDER_HEALTH,
      inject: [ProviderCalls, InstallationService],
      useFactory: (provider: ProviderCalls, installation: InstallationService) => new ProviderHealth(provider, installation),
    },
    { provide: OWN_SANDBOXES, useClass: PgOwnSandboxes },
    {
      provide: ShowOwnSandboxes,
      inject: [OWN_SANDBOXES, SandboxAccess, CLOCK, CONFIG],
      useFactory: (own: OwnSandboxes, access: SandboxAccess, clock: Clock, config: Config) =>
        new ShowOwnSandboxes(own, access, clock, sandboxSettings(config)),
    },
    ...PARTS,
  ],
  exports: [
    ...PARTS,
    ShowOwnSandboxes,
    SANDBOX_PROVIDER,
    SANDBOX_STORE,
    SNAPSHOT_STORE,
    POOL_STORE,
    SANDBOX_QUERIES,
    PROVIDER_HEALTH,
  ],
})
export class SandboxesModule implements OnApplicationShutdown {
  constructor(@Inject(SANDBOX_PROVIDER) private readonly provider: SandboxProvider) {}

  async onApplicationShutdown(): Promise<void> {
    await this.provider.close();
  }
}
