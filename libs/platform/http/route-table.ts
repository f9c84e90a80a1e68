interface Entry {
  readonly method: string;
  readonly path: string;
  readonly pattern: RegExp;
}

/** The methods and paths that the HTTP server knows. Paths are Fastify patterns (`/admin/sandboxes/:id`). */
export class RouteTable {
  private readonly entries: Entry[] = [];

  add(method: string, path: string): void {
    this.entries.push({ method, path, pattern: toPattern(path) });
  }

  list(): readonly { readonly method: string; readonly path: string }[] {
    return this.entries.map(({ method, path }) => ({ method, path }));
  }

  /** The methods that a concrete path (without query) has, sorted. */
  methodsOf(pathname: string): string[] {
    return [...new Set(this.entries.filter(({ pattern }) => pattern.test(pathname)).map(({ method }) => method))].sort();
  }
}

/** A `:name` segment matches one segment, `*` matches the rest, anything else matches itself. */
function toPattern(path: string): RegExp {
  const segments = path.split('/').map((segment) => {
    if (segment === '*') return '.*';
    if (segment.startsWith(':')) return '[^/]+';
    return segment.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  });
  return new RegExp(`^${segments.join('/')}$`);
}
