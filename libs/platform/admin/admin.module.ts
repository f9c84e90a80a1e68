import { Module } from '@nestjs/common';
import { AdminController } from './admin.controller';
import { DrainControl } from './drain-control';

@Module({ controllers: [AdminController], providers: [DrainControl] })
export class AdminModule {}
