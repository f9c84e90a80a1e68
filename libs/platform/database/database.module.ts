import { Global, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import type { Pool } from 'pg';
import { CONFIG, type Config } from '../config/config';
import { PROCESS_NAME } from '../config/process-name';
import { PG_POOL, createPgPool } from './pg-pool';

/** PG_POOL for every module. Needs ConfigModule. */
@Global()
@Module({
  providers: [
    {
      provide: PG_POOL,
      inject: [CONFIG, PROCESS_NAME],
      useFactory: (config: Config, processName: string) => createPgPool(config, `tollbox-${processName}`),
    },
  ],
  exports: [PG_POOL],
})
export class DatabaseModule implements OnApplicationShutdown {
  constructor(@Inject(PG_POOL) private readonly pool: Pool) {}

  async onApplicationShutdown(): Promise<void> {
    if (!this.pool.ended) await this.pool.end();
  }
}
