import { Module } from '@nestjs/common';
import { OperationRegistry, type Operation } from '@tollbox/platform/operations/operation';

const sold = (...names: string[]): OperationRegistry => new OperationRegistry(names.map((name) => ({ name }) as Operation));

/** What an installation sells, for finance alone: only the names. */
@Module({
  providers: [{ provide: OperationRegistry, useValue: sold('sandbox.create', 'sandbox.exec', 'sandbox.status') }],
  exports: [OperationRegistry],
})
export class SoldModule {}
