import { measureExports, type ExportRun } from './exports';
import { loadMonth, type Loaded } from './load';
import type { Plan, Step } from './options';
import { financeQueries, measureQueries, type QueryTime } from './queries';
import { measureReconciliation, type ReconciliationTime } from './reconciliation';
import { openGateway, openServer, type ScaleGateway, type ScaleServer } from './world';
import { compareWrites, type WriteGrowth } from './writes';

/** What a run found out; null for a step that was left out. */
export interface Findings {
  readonly loaded: Loaded;
  readonly reconciliation: ReconciliationTime | null;
  readonly queries: readonly QueryTime[];
  readonly exports: readonly ExportRun[];
  readonly writes: WriteGrowth | null;
}

type Say = (line: string) => void;

export async function measureAll(plan: Plan, say: Say): Promise<Findings> {
  const timed = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const startedAt = performance.now();
    const result = await work();
    say(`  ${name}: ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`);
    return result;
  };
  const step = async <T>(name: Step, without: T, work: () => Promise<T>): Promise<T> =>
    plan.steps.has(name) ? timed(name, work) : without;

  const server = await timed('boot', () => openServer(plan.databaseUrl));
  try {
    const url = await server.database();
    const loaded = await timed('load and verify', () => loadMonth(url, plan.payments, say));
    const gateway = await openGateway(url);
    try {
      return {
        loaded,
        reconciliation: await step('reconciliation', null, () => measureReconciliation(gateway.pool, plan.payments)),
        queries: await step('queries', [], async () =>
          measureQueries(gateway.staff, await financeQueries(gateway.pool, gateway.staff), plan.times),
        ),
        exports: await step('exports', [], () => measureExports(gateway.staff, say)),
        writes: await step('writes', null, () => growth(plan, server, gateway)),
      };
    } finally {
      await gateway.close();
    }
  } finally {
    await server.close();
  }
}

async function growth(plan: Plan, server: ScaleServer, large: ScaleGateway): Promise<WriteGrowth> {
  const url = await server.database('_small');
  await loadMonth(url, plan.smallPayments, () => undefined);
  const small = await openGateway(url);
  try {
    return await compareWrites(small.pool, large.pool, plan.batches);
  } finally {
    await small.close();
  }
}
