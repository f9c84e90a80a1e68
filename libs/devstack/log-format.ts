const LEVELS: Readonly<Record<number, string>> = { 10: 'trace', 20: 'debug', 30: 'info', 40: 'WARN', 50: 'ERROR', 60: 'FATAL' };
const HIDDEN = new Set([
  'level',
  'time',
  'pid',
  'hostname',
  'name',
  'msg',
  'context',
  'process',
  'v',
  'err',
  'req',
  'res',
  'responseTime',
]);

interface LogLine {
  level?: number;
  msg?: string;
  context?: string;
  err?: { message?: string; stack?: string };
  req?: { method?: string; url?: string };
  res?: { statusCode?: number };
  responseTime?: number;
  [key: string]: unknown;
}

function parse(line: string): LogLine | null {
  if (!line.startsWith('{')) return null;
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return null; // not JSON after all: shown as it is
  }
}

/** What the framework says while it wires itself up; only of use to whoever debugs that. */
const WIRING = new Set(['InstanceLoader', 'RoutesResolver', 'RouterExplorer', 'NestFactory', 'NestApplication']);

/** One line for a terminal from a JSON log line of pino; any other text stays as it is. Null for lines that only tell how the framework starts. */
export function formatLogLine(process: string, line: string): string | null {
  const parsed = parse(line);
  if (parsed === null) return `${process.padEnd(8)} ${line}`;
  if (parsed.context !== undefined && WIRING.has(parsed.context) && (parsed.level ?? 30) <= 30) return null;
  const parts = [process.padEnd(8), (LEVELS[parsed.level ?? 30] ?? 'info').padEnd(5)];
  if (parsed.req?.method !== undefined) {
    const status = parsed.res?.statusCode === undefined ? '' : ` → ${parsed.res.statusCode}`;
    const time = parsed.responseTime === undefined ? '' : ` in ${Math.round(parsed.responseTime)} ms`;
    parts.push(`${parsed.req.method} ${parsed.req.url ?? ''}${status}${time}`);
  }
  if (parsed.context !== undefined) parts.push(`[${parsed.context}]`);
  if (parsed.msg !== undefined) parts.push(parsed.msg);
  const rest = Object.entries(parsed).filter(([key, value]) => !HIDDEN.has(key) && (typeof value !== 'object' || value === null));
  parts.push(...rest.map(([key, value]) => `${key}=${String(value)}`));
  if (parsed.err !== undefined) parts.push(parsed.err.stack ?? parsed.err.message ?? '');
  return parts.join(' ');
}
