import { Module, type DynamicModule } from '@nestjs/common';
import { CreditsModule } from '@tollbox/credits/credits.module';
import { FinanceModule, FinanceReadModule } from '@tollbox/finance/finance.module';
import { PaymentsModule } from '@tollbox/payments/payments.module';
import { AccessModule } from '@tollbox/platform/access/access.module';
import { AdminModule } from '@tollbox/platform/admin/admin.module';
import type { Config } from '@tollbox/platform/config/config';
import { DocsModule } from '@tollbox/platform/docs/docs.module';
import { HealthModule } from '@tollbox/platform/health/health.module';
import { HttpModule } from '@tollbox/platform/http/http.module';
import { PlatformModule } from '@tollbox/platform/platform.module';
import { TelemetryModule } from '@tollbox/platform/telemetry/telemetry.module';
import { ReconciliationModule } from '@tollbox/reconciliation/reconciliation.module';
import { RefundsModule } from '@tollbox/refunds/refunds.module';
import { SandboxesHttpModule } from '@tollbox/sandboxes/sandboxes-http.module';
import { PROVIDER_HEALTH, SandboxesModule } from '@tollbox/sandboxes/sandboxes.module';

/** Everything that answers HTTP. */
@Module({})
export class GatewayModule {
  static forRoot(config: Config): DynamicModule {
    return {
      module: GatewayModule,
      imports: [
        PlatformModule.forRoot(config, 'gateway'),
        TelemetryModule.forRoot(),
        HttpModule,
        AccessModule,
        SandboxesModule,
        CreditsModule.forGateway(SandboxesModule),
        PaymentsModule.forGateway(SandboxesModule),
        SandboxesHttpModule.forRoot([FinanceReadModule]),
        FinanceModule.forGateway(SandboxesModule),
        RefundsModule.forGateway(),
        ReconciliationModule.forGateway(),
        AdminModule,
        HealthModule.forRoot({ imports: [SandboxesModule], contributors: [PROVIDER_HEALTH] }),
        DocsModule.forRoot([SandboxesModule]),
      ],
    };
  }
}
