import { Module, type DynamicModule } from '@nestjs/common';
import { CreditsModule } from '@tollbox/credits/credits.module';
import { FinanceWorkerModule } from '@tollbox/finance/finance-worker.module';
import { LedgerWorkerModule } from '@tollbox/ledger/ledger.module';
import { PaymentsModule } from '@tollbox/payments/payments.module';
import type { Config } from '@tollbox/platform/config/config';
import { PlatformModule } from '@tollbox/platform/platform.module';
import { TelemetryModule } from '@tollbox/platform/telemetry/telemetry.module';
import { ReaperModule } from '@tollbox/reaper/reaper.module';
import { ReconciliationModule } from '@tollbox/reconciliation/reconciliation.module';
import { RefundsModule } from '@tollbox/refunds/refunds.module';
import { SandboxesModule } from '@tollbox/sandboxes/sandboxes.module';
import { SandboxUpkeepModule } from '@tollbox/sandboxes/upkeep.module';
import { providerSightings } from './provider-sightings';

/** Everything that runs behind the answers: the settler, the upkeep of payments, the reaper and reconciliation. */
@Module({})
export class WorkerModule {
  static forRoot(config: Config): DynamicModule {
    return {
      module: WorkerModule,
      imports: [
        PlatformModule.forRoot(config, 'worker'),
        TelemetryModule.forRoot(),
        SandboxesModule,
        CreditsModule.forWorker(SandboxesModule),
        PaymentsModule.forWorker(SandboxesModule),
        RefundsModule.forWorker(),
        ReaperModule,
        SandboxUpkeepModule,
        LedgerWorkerModule,
        FinanceWorkerModule,
        ReconciliationModule.forWorker(providerSightings),
      ],
    };
  }
}
