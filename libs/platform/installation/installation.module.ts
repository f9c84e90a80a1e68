import { Global, Module } from '@nestjs/common';
import { InstallationService } from './installation.service';

/** Needs ConfigModule, ClockModule and DatabaseModule. */
@Global()
@Module({ providers: [InstallationService], exports: [InstallationService] })
export class InstallationModule {}
