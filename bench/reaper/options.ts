import { parseArgs } from 'node:util';

export interface Plan {
  /** Live sandboxes at the beginning. */
  readonly rows: number;
  /** Their deadlines are spread evenly over this time. */
  readonly spreadS: number;
  readonly owners: number;
  /** What one terminate of the provider double takes. */
  readonly terminateMs: number;
  /** Workers that share the table. */
  readonly workers: number;
  readonly tickIntervalMs: number;
  readonly concurrency: number;
}

export const USAGE =
  'npm run bench -- reaper [--rows 20000] [--spread-s 300] [--owners 1000] [--terminate-ms 50] [--workers 1] (a scaled-down run keeps the rate: --rows 4000 --spread-s 60)';

export function planFrom(args: readonly string[]): Plan {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rows: { type: 'string', default: '20000' },
      'spread-s': { type: 'string', default: '300' },
      owners: { type: 'string', default: '1000' },
      'terminate-ms': { type: 'string', default: '50' },
      workers: { type: 'string', default: '1' },
    },
  });
  return {
    rows: whole('rows', values.rows),
    spreadS: whole('spread-s', values['spread-s']),
    owners: whole('owners', values.owners),
    terminateMs: whole('terminate-ms', values['terminate-ms']),
    workers: whole('workers', values.workers),
    tickIntervalMs: 1_000, // the defaults of REAPER_INTERVAL_MS and REAPER_CONCURRENCY
    concurrency: 16,
  };
}

function whole(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} is a whole number from 1 on\n${USAGE}`);
  return value;
}
