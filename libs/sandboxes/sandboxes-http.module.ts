import { Module, type DynamicModule } from '@nestjs/common';
import { AdminSandboxesController } from './http/admin-sandboxes.controller';
import { BlockRunController } from './http/blockrun.controller';
import { RunController } from './http/run.controller';
import { FileSalesController } from './http/file-sales.controller';
import { FilesController } from './http/files.controller';
import { SnapshotSalesController } from './http/snapshot-sales.controller';
import { SnapshotsController } from './http/snapshots.controller';
import { TunnelRunner } from './http/tunnel-runner';
import { TunnelSalesController } from './http/tunnel-sales.controller';
import { TunnelsController } from './http/tunnels.controller';
import { InterpreterController } from './http/interpreter.controller';
import { OwnSandboxesController } from './http/own-sandboxes.controller';
import { SandboxResourcesController } from './http/sandbox-resources.controller';
import { SandboxesModule } from './sandboxes.module';

/** The routes of the sandboxes, for the gateway. Needs PlatformModule, AccessModule and whoever takes payments. */
@Module({
  imports: [SandboxesModule],
  controllers: [
    BlockRunController,
    RunController,
    SandboxResourcesController,
    OwnSandboxesController,
    AdminSandboxesController,
    SnapshotSalesController,
    SnapshotsController,
    TunnelSalesController,
    TunnelsController,
    FileSalesController,
    FilesController,
    InterpreterController,
  ],
  providers: [TunnelRunner],
})
export class SandboxesHttpModule {
  /** @param imports export SANDBOX_PAYMENTS, which the admin view of a sandbox then shows. */
  static forRoot(imports: NonNullable<DynamicModule['imports']>): DynamicModule {
    return { module: SandboxesHttpModule, imports };
  }
}
