import { Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { ErrorFilter } from './error.filter';

/** The error filter of every route. */
@Module({ providers: [{ provide: APP_FILTER, useClass: ErrorFilter }] })
export class HttpModule {}
