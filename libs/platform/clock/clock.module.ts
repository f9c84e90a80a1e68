import { Global, Module } from '@nestjs/common';
import { CLOCK, systemClock } from './clock';
import { IDS, RANDOM, systemIds, systemRandom } from './random';

/** The process's sources of time, ids and randomness. */
@Global()
@Module({
  providers: [
    { provide: CLOCK, useValue: systemClock },
    { provide: RANDOM, useValue: systemRandom },
    { provide: IDS, useValue: systemIds },
  ],
  exports: [CLOCK, RANDOM, IDS],
})
export class ClockModule {}
