import { Module, type DynamicModule, type InjectionToken, type ModuleMetadata } from '@nestjs/common';
import { HEALTH_CONTRIBUTORS, type HealthContributor } from './health-contributor';
import { HealthController } from './health.controller';
import { ReadinessCheck } from './readiness';

export interface HealthModuleOptions {
  /** Modules that export the contributors. */
  readonly imports?: NonNullable<ModuleMetadata['imports']>;
  /** Tokens of the HealthContributors, asked in this order. */
  readonly contributors?: readonly InjectionToken[];
}

/** /health, /health/live and /health/ready. Needs PlatformModule. */
@Module({})
export class HealthModule {
  static forRoot(options: HealthModuleOptions = {}): DynamicModule {
    return {
      module: HealthModule,
      imports: [...(options.imports ?? [])],
      controllers: [HealthController],
      providers: [
        ReadinessCheck,
        {
          provide: HEALTH_CONTRIBUTORS,
          inject: [...(options.contributors ?? [])],
          useFactory: (...contributors: HealthContributor[]) => contributors,
        },
      ],
    };
  }
}
