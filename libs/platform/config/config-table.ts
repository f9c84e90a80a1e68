import { z } from 'zod';
import { environmentSchema } from './config';

/** What one variable accepts. */
export interface VariableDescription {
  readonly name: string;
  readonly meaning: string;
  /** The text that stands for the default, or undefined where there is none. */
  readonly defaultText: string | undefined;
  readonly required: boolean;
  /** Bounds or allowed values, or an empty text. */
  readonly values: string;
}

interface Property {
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
}

const START = '<!-- configuration:start -->';
const END = '<!-- configuration:end -->';

/** Defaults are texts or numbers; an empty text means that there is none. */
function defaultTextOf(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function valuesOf(property: Property): string {
  if (property.enum !== undefined) return property.enum.map((value) => `\`${String(value)}\``).join(', ');
  const { minimum, maximum } = property;
  return minimum === undefined || maximum === undefined ? '' : `${minimum} to ${maximum}`;
}

/** Every variable of the configuration in the order of the schema. */
export function describeVariables(): VariableDescription[] {
  const schema = z.toJSONSchema(environmentSchema, { io: 'input', unrepresentable: 'any' });
  const properties = (schema.properties ?? {}) as Record<string, Property>;
  return Object.entries(properties).map(([name, property]) => ({
    name,
    meaning: property.description ?? '',
    defaultText: defaultTextOf(property.default),
    required: schema.required?.includes(name) === true,
    values: valuesOf(property),
  }));
}

const cell = (text: string): string => text.replaceAll('|', String.raw`\|`).replaceAll('\n', ' ');

/** The configuration as a Markdown table. */
export function configurationTable(): string {
  const rows = describeVariables().map(({ name, meaning, defaultText, required, values }) => {
    const fallback = defaultText === undefined ? (required ? 'required' : '') : `\`${defaultText}\``;
    return `| \`${name}\` | ${cell(fallback)} | ${cell(values)} | ${cell(meaning)} |`;
  });
  return ['| Variable | Default | Values | Meaning |', '|---|---|---|---|', ...rows].join('\n');
}

/**
 * The document with the table between its two markers.
 * @throws Error when the markers are missing
 */
export function withConfigurationTable(document: string): string {
  const start = document.indexOf(START);
  const end = document.indexOf(END);
  if (start < 0 || end < start) throw new Error(`the document has no ${START} ... ${END}`);
  return `${document.slice(0, start + START.length)}\n${configurationTable()}\n${document.slice(end)}`;
}

/** The configuration as a file of commented variables; the required ones are left open. */
export function environmentExample(): string {
  const blocks = describeVariables().map(({ name, meaning, defaultText, required, values }) => {
    const hint = values === '' ? '' : ` (${values.replaceAll('`', '')})`;
    return `# ${meaning.replaceAll('`', '')}${hint}\n${required ? '' : '# '}${name}=${defaultText ?? ''}\n`;
  });
  return `# Every setting of gateway and worker, for the environment of the processes. Variables behind # show their default.\n\n${blocks.join('\n')}`;
}
