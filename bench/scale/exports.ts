import { createHash } from 'node:crypto';
import type { Staff } from './queries';

const SAMPLE_MS = 50;
const MIB = 1_048_576;

export interface ExportRun {
  readonly file: string;
  readonly bytes: number;
  readonly ms: number;
  readonly rssBeforeMib: number;
  readonly rssPeakMib: number;
}

const rssMib = (): number => process.memoryUsage().rss / MIB;

/** Downloads a month and throws it away while it comes; for CSV the checksum at its end is verified. Server and reader share a process. */
export async function measureExport({ url, token }: Staff, file: string): Promise<ExportRun> {
  globalThis.gc?.();
  const rssBeforeMib = rssMib();
  let rssPeakMib = rssBeforeMib;
  const sampler = setInterval(() => (rssPeakMib = Math.max(rssPeakMib, rssMib())), SAMPLE_MS);
  const startedAt = performance.now();
  try {
    const range = 'from=2020-01-01T00:00:00Z&to=2100-01-01T00:00:00Z';
    const response = await fetch(`${url}/finance/exports/${file}?${range}`, { headers: { authorization: `Bearer ${token}` } });
    if (response.status !== 200 || response.body === null) throw new Error(`${file} answered ${response.status}`);
    const hash = createHash('sha256');
    const lastLineBytes = file.endsWith('.csv') ? 'sha256,'.length + 64 + 2 : 0;
    let held = Buffer.alloc(0);
    let bytes = 0;
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      bytes += chunk.length;
      held = Buffer.concat([held, chunk]);
      const sure = Math.max(0, held.length - lastLineBytes);
      hash.update(held.subarray(0, sure));
      held = held.subarray(sure);
    }
    if (lastLineBytes > 0 && held.toString() !== `sha256,${hash.digest('hex')}\r\n`)
      throw new Error(`${file} has a wrong checksum`);
    return { file, bytes, ms: performance.now() - startedAt, rssBeforeMib, rssPeakMib };
  } finally {
    clearInterval(sampler);
  }
}
