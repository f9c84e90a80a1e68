import { Global, Module } from '@nestjs/common';
import { CONFIG, type Config } from '../config/config';
import { createPhaseObserver, PHASE_OBSERVER } from './phase-boundaries';

/** The phase observer of the process. Needs ConfigModule. */
@Global()
@Module({
  providers: [
    { provide: PHASE_OBSERVER, inject: [CONFIG], useFactory: (config: Config) => createPhaseObserver(config.FAULT_KILL_AT) },
  ],
  exports: [PHASE_OBSERVER],
})
export class FaultsModule {}
