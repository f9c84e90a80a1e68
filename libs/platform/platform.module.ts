import { Module, type DynamicModule } from '@nestjs/common';
import { AuditModule } from './audit/audit.module';
import { ClockModule } from './clock/clock.module';
import type { Config } from './config/config';
import { ConfigModule } from './config/config.module';
import { DatabaseModule } from './database/database.module';
import { FaultsModule } from './faults/faults.module';
import { InstallationModule } from './installation/installation.module';

/** What every process stands on: configuration, clock, database, audit log and installation. */
@Module({})
export class PlatformModule {
  static forRoot(config: Config, processName: string): DynamicModule {
    return {
      module: PlatformModule,
      global: true,
      imports: [
        ConfigModule.forRoot(config, processName),
        ClockModule,
        DatabaseModule,
        FaultsModule,
        AuditModule,
        InstallationModule,
      ],
    };
  }
}
