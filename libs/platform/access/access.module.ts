import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { AccessGuard } from './access.guard';
import { RefusalLog } from './refusal-log';
import { StaffKeys } from './staff-keys';

/** The guard before every route, and the staff keys. Needs PlatformModule. */
@Module({
  providers: [StaffKeys, RefusalLog, { provide: APP_GUARD, useClass: AccessGuard }],
  exports: [StaffKeys, RefusalLog],
})
export class AccessModule {}
