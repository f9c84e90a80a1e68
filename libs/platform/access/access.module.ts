import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { AccessGuard } from './access.guard';
import { OwnerAccess } from './owner-access';
import { RefusalLog } from './refusal-log';
import { SignIn } from './sign-in/sign-in';
import { SignInNonces } from './sign-in/sign-in-nonces';
import { StaffKeys } from './staff-keys';

/** The guard before every route, the staff keys and the sign-in of wallets. Needs PlatformModule. */
@Module({
  providers: [StaffKeys, RefusalLog, SignInNonces, SignIn, OwnerAccess, { provide: APP_GUARD, useClass: AccessGuard }],
  exports: [StaffKeys, RefusalLog],
})
export class AccessModule {}
