import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const LIBS = path.join(__dirname, '../../../libs');

/** Source files of the libraries, without specs. */
function sources(directory = LIBS): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(directory, entry.name);
    if (entry.isDirectory()) return sources(file);
    return file.endsWith('.ts') && !file.endsWith('.spec.ts') ? [file] : [];
  });
}
const SOURCES = sources();
const textOf = (file: string): string => readFileSync(file, 'utf8');

/** The one file that has this text. */
function fileWith(text: string): string {
  const [file, ...more] = SOURCES.filter((source) => textOf(source).includes(text));
  if (file === undefined || more.length > 0) throw new Error(`${more.length + 1} files have ${text}`);
  return file;
}
export const controllerFile = (handler: string): string => fileWith(`export class ${handler.split('.')[0] ?? ''} {`);
export const operationFile = (name: string): string => fileWith(`readonly name = '${name}'`);

/** What a file imports as a value, of the libraries but not of the platform, whose codes belong to guards and readers. */
function importsOf(file: string): string[] {
  const names = [...textOf(file).matchAll(/^import (?!type )[^;]*? from '([^']+)';/gm)].map(([, name]) => name!);
  return names.flatMap((name) => {
    if (name.startsWith('@tollbox/platform')) return [];
    const found = name.startsWith('@tollbox/')
      ? path.join(LIBS, `${name.slice('@tollbox/'.length)}.ts`)
      : name.startsWith('.')
        ? path.join(path.dirname(file), `${name}.ts`)
        : '';
    return found !== '' && existsSync(found) ? [found] : [];
  });
}

export const codesIn = (file: string): string[] =>
  [...textOf(file).matchAll(/new TollboxError\(\s*'([a-z_]+)'/g)].map(([, code]) => code!);

/** The codes of the errors that a file, and everything that it calls by import, makes. */
export function codesBehind(file: string): ReadonlySet<string> {
  const seen = new Set<string>();
  const waiting = [file];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    waiting.push(...importsOf(next));
  }
  return new Set([...seen].flatMap(codesIn));
}

/** The codes that a library makes, but for files whose path has `without`. */
export const codesOfLibrary = (library: string, without: string): ReadonlySet<string> =>
  new Set(SOURCES.filter((file) => file.startsWith(path.join(LIBS, library)) && !file.includes(without)).flatMap(codesIn));
