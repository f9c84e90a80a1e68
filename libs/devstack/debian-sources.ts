import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** One archive that apt of this machine takes packages from. */
export interface DebianSource {
  readonly uri: string;
  readonly suites: readonly string[];
  readonly components: readonly string[];
  /** Keyring file that signs it; null where apt's own trusted keys do. */
  readonly signedBy: string | null;
}

/** A line of sources.list: `deb [option=value …] uri suite component…`. */
function fromLine(line: string): DebianSource | null {
  const [, options = '', uri, suite, components = ''] =
    /^deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*(.*)$/.exec(line.trim()) ?? [];
  if (uri === undefined || suite === undefined) return null;
  const signedBy = /(?:^|\s)signed-by=(\S+)/.exec(options)?.[1] ?? null;
  return { uri, suites: [suite], components: components.split(/\s+/).filter(Boolean), signedBy };
}

/** A stanza of a `.sources` file. A key that stands in the file itself is none that a file names, so it is left out. */
function fromStanza(stanza: string): DebianSource[] {
  const fields = new Map<string, string>();
  for (const line of stanza.split('\n')) {
    const [, name, value] = /^([A-Za-z-]+):\s*(.*)$/.exec(line) ?? [];
    if (name !== undefined) fields.set(name.toLowerCase(), (value ?? '').trim());
  }
  const words = (name: string): string[] => (fields.get(name) ?? '').split(/\s+/).filter(Boolean);
  if (!words('types').includes('deb') || fields.get('enabled')?.toLowerCase() === 'no') return [];
  const signedBy = words('signed-by')[0] ?? null;
  return words('uris').map((uri) => ({ uri, suites: words('suites'), components: words('components'), signedBy }));
}

export function parseSources(name: string, content: string): DebianSource[] {
  const text = content.replaceAll('\r', '').replace(/^\s*#.*\n?/gm, '');
  if (name.endsWith('.sources')) return text.split(/\n\s*\n/).flatMap(fromStanza);
  return text.split('\n').flatMap((line) => fromLine(line) ?? []);
}

/** Every archive in apt's configuration. */
export function readSources(directory = '/etc/apt'): DebianSource[] {
  const parts = path.join(directory, 'sources.list.d');
  const names = existsSync(parts) ? readdirSync(parts).map((name) => path.join(parts, name)) : [];
  return [path.join(directory, 'sources.list'), ...names]
    .filter((file) => /\.(list|sources)$/.test(file) && existsSync(file))
    .flatMap((file) => parseSources(file, readFileSync(file, 'utf8')));
}

/** The archive beside the one that `codename` itself comes from: the same address and key, the suite `codename-backports`. */
export function backportsOf(sources: readonly DebianSource[], codename: string): DebianSource | null {
  const main = sources.find(({ suites, components }) => suites.includes(codename) && components.includes('main'));
  return main === undefined ? null : { ...main, suites: [`${codename}-backports`], components: ['main'] };
}

/** The archive as a line of a sources.list that nothing but this archive stands in. */
export function sourceLine({ uri, suites, components, signedBy }: DebianSource): string {
  const options = signedBy === null ? '' : `[signed-by=${signedBy}] `;
  return `deb ${options}${uri} ${suites.join(' ')} ${components.join(' ')}\n`;
}
