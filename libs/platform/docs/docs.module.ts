import { Module, type DynamicModule, type ModuleMetadata } from '@nestjs/common';
import { ApiCatalog } from './api-catalog';
import { DocsController } from './docs.controller';

/** /openapi.json, /docs, /llms.txt and /.well-known/x402. */
@Module({})
export class DocsModule {
  /** @param imports modules that export OperationRegistry and PRICE_BOOK, unless they are global */
  static forRoot(imports: NonNullable<ModuleMetadata['imports']> = []): DynamicModule {
    return { module: DocsModule, imports: [...imports], controllers: [DocsController], providers: [ApiCatalog] };
  }
}
