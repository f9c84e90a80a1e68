import { parseArgs } from 'node:util';

export const STEPS = ['reconciliation', 'queries', 'exports', 'writes'] as const;
export type Step = (typeof STEPS)[number];

export interface Plan {
  readonly payments: number;
  /** Answers of each query. */
  readonly times: number;
  /** Batches of 50 payments that are written to the small and to the large table. */
  readonly batches: number;
  /** Payments of the small table. */
  readonly smallPayments: number;
  readonly steps: ReadonlySet<Step>;
  /** A database that is loaded once and kept; without it the run makes its own and removes it. */
  readonly databaseUrl?: string | undefined;
}

export const USAGE = `npm run bench -- scale [--payments 1000000] [--times 40] [--only ${STEPS.join(',')}] [--database URL]`;
const MIN_PAYMENTS = 2_000;

export function planFrom(args: readonly string[]): Plan {
  const { values } = parseArgs({
    args: [...args],
    options: {
      payments: { type: 'string', default: '1000000' },
      times: { type: 'string', default: '40' },
      only: { type: 'string' },
      database: { type: 'string' },
    },
  });
  const steps = values.only === undefined ? STEPS : values.only.split(',');
  const unknown = steps.filter((step) => !(STEPS as readonly string[]).includes(step));
  if (unknown.length > 0) throw new Error(`there is no step ${unknown.join(', ')}\n${USAGE}`);
  return {
    payments: whole('payments', values.payments, MIN_PAYMENTS),
    times: whole('times', values.times, 1),
    batches: 60,
    smallPayments: 10_000,
    steps: new Set(steps as readonly Step[]),
    databaseUrl: values.database,
  };
}

function whole(name: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least) throw new Error(`--${name} is a whole number from ${least} on\n${USAGE}`);
  return value;
}
