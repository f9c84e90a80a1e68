import { Logger, Module } from '@nestjs/common';
import { ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import { AuditLog } from '@tollbox/platform/audit/audit-log';
import { RepeatedWork } from '@tollbox/platform/process/repeated-work';
import { CLOCK, type Clock } from '@tollbox/platform/clock/clock';
import { IDS, type Ids } from '@tollbox/platform/clock/random';
import { CONFIG, type Config } from '@tollbox/platform/config/config';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import { InstallationService } from '@tollbox/platform/installation/installation.service';
import { EndSandbox } from '@tollbox/sandboxes/application/end-sandbox';
import { ObserveSandbox } from '@tollbox/sandboxes/application/observe-sandbox';
import { SANDBOX_STORE, type SandboxStore } from '@tollbox/sandboxes/application/ports/sandbox-store';
import { ProviderCalls } from '@tollbox/sandboxes/application/provider-calls';
import { SNAPSHOT_STORE, type SnapshotStore } from '@tollbox/sandboxes/application/ports/snapshot-store';
import { EndSnapshot } from '@tollbox/sandboxes/application/snapshots/end-snapshot';
import { ReapSnapshots } from '@tollbox/sandboxes/application/snapshots/reap-snapshots';
import { SnapshotCalls } from '@tollbox/sandboxes/application/snapshots/snapshot-calls';
import { SandboxesModule } from '@tollbox/sandboxes/sandboxes.module';
import type { Pool } from 'pg';
import { Reap } from './application/reap';
import type { ReaperLog } from './application/reaper-log';
import { Sweep } from './application/sweep';
import { PgReaperStore } from './infrastructure/pg-reaper.store';
import { AuditedSweep } from './infrastructure/sweep-audit';
import { ReaperRunner } from './reaper.runner';

const SWEEP_CONCURRENCY = 8;
/** Sandboxes in hand for each provider call at once: what the calls of about a second use up. */
const IN_HAND_PER_CALL = 16;
const MAX_LOOKS = 200;
const RETRY_AFTER_MS = 5_000;
/** What a create's rows may take on top of its provider call. */
const CREATE_MARGIN_MS = 10_000;
/** Longer than a sweep with every call at its deadline is not waited for: a holder that died is replaced. */
const MIN_LEASE_MS = 60_000;

/** Snapshots of each kind in one pass. */
const SNAPSHOT_BATCH = 100;
const SNAPSHOT_RETRY_AFTER_MS = 30_000;
/** Nest's injection token of the reaper's work on what outlives sandboxes. */
const SNAPSHOT_REAPER = Symbol('SnapshotReaper');

const logger = new Logger('Reaper');
const log: ReaperLog = {
  info: (message) => logger.log(message),
  problem: (message, error) => logger.warn({ msg: message, err: error }),
  alarm: (message) => logger.error({ msg: message, alarm: true }),
};

/** Ends sandboxes in time and keeps rows and provider in step. For the worker; needs PlatformModule. */
@Module({
  imports: [ScheduleModule.forRoot(), SandboxesModule],
  providers: [
    { provide: PgReaperStore, inject: [PG_POOL], useFactory: (pool: Pool) => new PgReaperStore(pool) },
    {
      provide: Reap,
      inject: [PgReaperStore, EndSandbox, ProviderCalls, CLOCK, CONFIG],
      useFactory: (store: PgReaperStore, ender: EndSandbox, provider: ProviderCalls, clock: Clock, config: Config) =>
        new Reap(
          store,
          ender,
          clock,
          {
            provider: provider.name,
            createLimitMs: config.SANDBOX_CREATE_DEADLINE_MS + CREATE_MARGIN_MS,
            retryAfterMs: RETRY_AFTER_MS,
            batch: config.REAPER_CONCURRENCY * IN_HAND_PER_CALL,
            concurrency: config.REAPER_CONCURRENCY,
          },
          log,
        ),
    },
    {
      provide: Sweep,
      inject: [PgReaperStore, SANDBOX_STORE, ProviderCalls, ObserveSandbox, AuditLog, CLOCK, IDS, CONFIG, InstallationService],
      useFactory: async (
        store: PgReaperStore,
        sandboxes: SandboxStore,
        provider: ProviderCalls,
        observer: ObserveSandbox,
        audit: AuditLog,
        clock: Clock,
        ids: Ids,
        config: Config,
        installation: InstallationService,
      ) =>
        new Sweep(
          store,
          sandboxes,
          provider,
          observer,
          new AuditedSweep(audit, provider.name),
          clock,
          {
            installationId: (await installation.load()).id,
            holder: `worker:${process.pid}:${ids.uuid()}`,
            leaseMs: Math.max(MIN_LEASE_MS, 2 * config.REAPER_SWEEP_INTERVAL_MS),
            orphanAgeMs: config.SANDBOX_CREATE_DEADLINE_MS + config.REAPER_ORPHAN_MARGIN_MS,
            maxRemovals: config.REAPER_MAX_REMOVALS_PER_SWEEP,
            maxLooks: MAX_LOOKS,
            concurrency: SWEEP_CONCURRENCY,
          },
          log,
        ),
    },
    {
      provide: ReaperRunner,
      inject: [SchedulerRegistry, Reap, Sweep, CONFIG],
      useFactory: (scheduler: SchedulerRegistry, reap: Reap, sweep: Sweep, config: Config) =>
        new ReaperRunner(
          scheduler,
          reap,
          sweep,
          {
            passIntervalMs: config.REAPER_INTERVAL_MS,
            sweepIntervalMs: config.REAPER_SWEEP_INTERVAL_MS,
            graceMs: config.SHUTDOWN_GRACE_MS,
          },
          log,
        ),
    },
    {
      provide: ReapSnapshots,
      inject: [SNAPSHOT_STORE, SnapshotCalls, EndSnapshot, InstallationService, CLOCK, CONFIG],
      useFactory: (
        store: SnapshotStore,
        calls: SnapshotCalls,
        ender: EndSnapshot,
        installation: InstallationService,
        clock: Clock,
        config: Config,
      ) =>
        new ReapSnapshots(
          store,
          calls,
          ender,
          installation,
          clock,
          {
            batch: SNAPSHOT_BATCH,
            retryAfterMs: SNAPSHOT_RETRY_AFTER_MS,
            stuckAfterMs: config.SNAPSHOT_DEADLINE_MS + CREATE_MARGIN_MS,
            orphanAgeMs: config.SNAPSHOT_DEADLINE_MS + config.REAPER_ORPHAN_MARGIN_MS,
            maxOrphans: config.REAPER_MAX_REMOVALS_PER_SWEEP,
          },
          log,
        ),
    },
    {
      provide: SNAPSHOT_REAPER,
      inject: [ReapSnapshots, CONFIG],
      useFactory: (snapshots: ReapSnapshots, config: Config) =>
        new RepeatedWork(
          [
            {
              name: 'reaper-snapshots',
              intervalMs: config.REAPER_SWEEP_INTERVAL_MS,
              run: (stopping) => snapshots.pass(stopping),
            },
          ],
          {
            graceMs: config.SHUTDOWN_GRACE_MS,
            onProblem: (error, name) => log.problem(`${name} failed and is tried again`, error),
          },
        ),
    },
  ],
})
export class ReaperModule {}
