import { Controller, Get, Header, Param, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { TollboxError } from '../errors/tollbox-error';
import { Free } from '../routes/access.decorators';
import { ApiCatalog } from './api-catalog';
import { buildDiscovery } from './discovery';
import { DOCS_CONTENT_SECURITY_POLICY, DocsPage } from './docs-page';
import { buildLlmsText } from './llms-text';
import { buildOpenApi } from './openapi';
import type { Json } from './openapi-parts';

/** Version of the API, as /openapi.json says it. */
export const API_VERSION = '1.0.0';

/** Prices and limits are those of the running process, so answers are not cached for long. */
const CACHE = 'public, max-age=60';

/** What this server offers, for people and for machines. */
@Controller()
export class DocsController {
  private readonly page = new DocsPage();

  constructor(private readonly catalog: ApiCatalog) {}

  @Get('openapi.json')
  @Header('Cache-Control', CACHE)
  @Free({ summary: 'This API as OpenAPI 3.1' })
  openApi(@Req() request: FastifyRequest): Json {
    const { operations } = this.catalog;
    return buildOpenApi({
      routes: this.catalog.routes(),
      operations,
      priceOf: (operation) => this.catalog.priceOf(operation),
      baseUrl: this.catalog.baseUrl(request),
      version: API_VERSION,
    });
  }

  @Get('llms.txt')
  @Header('Cache-Control', CACHE)
  @Header('Content-Type', 'text/plain; charset=utf-8')
  @Free({ summary: 'How an agent buys and uses a sandbox, on one page', mediaType: 'text/plain' })
  llms(@Req() request: FastifyRequest): string {
    const base = this.catalog.baseUrl(request);
    return buildLlmsText(this.catalog.config, this.catalog.pricedItems(base), base);
  }

  @Get('.well-known/x402')
  @Header('Cache-Control', CACHE)
  @Free({ summary: 'The priced resources and their terms (x402 discovery)' })
  discovery(@Req() request: FastifyRequest): ReturnType<typeof buildDiscovery> {
    const base = this.catalog.baseUrl(request);
    return buildDiscovery(this.catalog.pricedItems(base), base);
  }

  @Get('docs')
  @Header('Content-Type', 'text/html; charset=utf-8')
  @Header('Content-Security-Policy', DOCS_CONTENT_SECURITY_POLICY)
  @Free({ summary: 'This documentation, to browse', mediaType: 'text/html' })
  docs(): string {
    return this.page.html;
  }

  @Get('docs/assets/:file')
  @Free({ summary: 'A file of the documentation page', mediaType: 'application/octet-stream' })
  asset(@Param('file') file: string, @Res({ passthrough: true }) reply: FastifyReply): Buffer {
    const asset = this.page.asset(file);
    if (asset === undefined) throw new TollboxError('not_found');
    void reply.headers({ 'cache-control': 'public, max-age=86400', 'content-type': asset.mediaType });
    return asset.content;
  }
}
