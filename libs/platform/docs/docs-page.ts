import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

/** A file of the documentation page. */
export interface DocsAsset {
  readonly mediaType: string;
  readonly content: Buffer;
}

/** The page only runs its own scripts and only asks its own origin; nothing is fetched from elsewhere. */
export const DOCS_CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'";

const HTML = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tollbox API</title>
<link rel="stylesheet" href="/docs/assets/swagger-ui.css">
<link rel="icon" href="/docs/assets/favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/assets/start.js"></script>
</body>
</html>
`;
const START = `window.ui = SwaggerUIBundle({ url: new URL('openapi.json', new URL('../../', document.currentScript.src)).href, dom_id: '#swagger-ui', deepLinking: true });\n`;

const VENDOR_FILES: Readonly<Record<string, string>> = Object.freeze({
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
});

/** Swagger UI's own files, as the pinned @nestjs/swagger brings them. */
function vendorDirectory(): string {
  const fromSwagger = createRequire(require.resolve('@nestjs/swagger'));
  return path.dirname(fromSwagger.resolve('swagger-ui-dist/package.json'));
}

/** The documentation page and its files, read at most once each. */
export class DocsPage {
  private readonly read = new Map<string, DocsAsset>();

  get html(): string {
    return HTML;
  }

  /** Only files of a fixed list have a name here; anything else is undefined. */
  asset(name: string): DocsAsset | undefined {
    if (name === 'start.js') return { mediaType: 'text/javascript; charset=utf-8', content: Buffer.from(START) };
    const mediaType = Object.hasOwn(VENDOR_FILES, name) ? VENDOR_FILES[name] : undefined;
    if (mediaType === undefined) return undefined;
    const known = this.read.get(name) ?? { mediaType, content: readFileSync(path.join(vendorDirectory(), name)) };
    this.read.set(name, known);
    return known;
  }
}
