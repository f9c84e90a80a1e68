import { probeEngine, removeContainers } from './engine-client';
import { clearDeadRun, deadRuns, forgetRun, RunRecord } from './run-record';

/** The container label by which an installation finds its own. */
export const installationLabel = (installationId: string): string => `tollbox.installation=${installationId}`;

/**
 * Ends what runs of this clone left behind whose supervisor was killed: processes and temporary directories at once.
 * Returns their records, for the containers: those need an engine.
 */
export async function clearLeftovers(log: (line: string) => void): Promise<readonly RunRecord[]> {
  const records = deadRuns();
  for (const record of records) {
    log(`clearing what an earlier run left behind (${record.kind}, pid ${record.supervisor.pid})`);
    await clearDeadRun(record);
  }
  return records;
}

/** Removes the containers of the dead runs and forgets those runs. One whose engine does not answer is kept for the next time. */
export async function clearLeftoverContainers(records: readonly RunRecord[]): Promise<void> {
  for (const record of records) {
    let reachable = true;
    for (const { id, dockerHost } of record.installations) {
      if ((await probeEngine(dockerHost)) === null) reachable = false;
      else await removeContainers(dockerHost, installationLabel(id));
    }
    if (reachable) forgetRun(record);
  }
}
