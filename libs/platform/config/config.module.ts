import { Module, type DynamicModule } from '@nestjs/common';
import { CONFIG, loadConfig, type Config } from './config';
import { PROCESS_NAME } from './process-name';

/** Provides the parsed configuration (CONFIG) and the name of the process (PROCESS_NAME) to every module. */
@Module({})
export class ConfigModule {
  static forRoot(config: Config, processName = 'tollbox'): DynamicModule {
    return {
      module: ConfigModule,
      global: true,
      providers: [
        { provide: CONFIG, useValue: config },
        { provide: PROCESS_NAME, useValue: processName },
      ],
      exports: [CONFIG, PROCESS_NAME],
    };
  }

  /** @throws ConfigurationError that lists every bad variable of this process's environment. */
  static fromEnvironment(processName?: string): DynamicModule {
    return ConfigModule.forRoot(loadConfig(process.env), processName);
  }
}
