import { Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { ErrorFilter } from './error.filter';
import { RequestLog } from './request-log';

/** The error filter of every route and the log of requests. */
@Module({ providers: [RequestLog, { provide: APP_FILTER, useClass: ErrorFilter }] })
export class HttpModule {}
