import { Inject, Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { PrismaPg } from '@prisma/adapter-pg';
import { CONFIG, type Config } from '../config/config';
import { PROCESS_NAME } from '../config/process-name';
import { PrismaClient } from './generated/client';
import { poolOptions } from './pool-options';

/** Prisma's typed client over its own pool. Connects at the first query, disconnects after the last request of a shutdown. */
@Injectable()
export class PrismaService extends PrismaClient implements OnApplicationShutdown {
  constructor(@Inject(CONFIG) config: Config, @Inject(PROCESS_NAME) processName: string) {
    const logger = new Logger('Prisma');
    super({
      adapter: new PrismaPg(poolOptions(config, `tollbox-${processName}-prisma`), {
        onPoolError: (error: Error) => logger.warn(`an idle database connection broke: ${error.message}`),
      }),
    });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.$disconnect();
  }
}
