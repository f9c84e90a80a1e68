import { createHash } from 'node:crypto';
import type { Staff } from './queries';

const SAMPLE_MS = 20;
const MIB = 1_048_576;
const DAY_MS = 86_400_000;
const FILES = ['journal.csv', 'payments.csv', 'settlements.csv', 'journal.parquet', 'payments.parquet'];

export interface ExportRun {
  readonly file: string;
  readonly days: number;
  readonly bytes: number;
  readonly ms: number;
  /** Growth of the process while it sends, server and reader together. */
  readonly rssGrowthMib: number;
  readonly heapPeakMib: number;
}

/** Each file for a tenth of the month and for all of it: a memory that does not depend on the length is the same for both. */
export async function measureExports(staff: Staff, say: (line: string) => void): Promise<ExportRun[]> {
  const runs: ExportRun[] = [];
  for (const file of FILES) {
    for (const days of [3, 31]) {
      const run = await measureExport(staff, file, days);
      say(`    ${file}, ${days} days: ${(run.bytes / 1e6).toFixed(1)} MB in ${(run.ms / 1e3).toFixed(1)} s`);
      runs.push(run);
    }
  }
  return runs;
}

/** Downloads the file and throws it away while it comes; for CSV the checksum at its end is verified. */
async function measureExport({ url, token }: Staff, file: string, days: number): Promise<ExportRun> {
  globalThis.gc?.();
  const before = process.memoryUsage().rss;
  let rssPeak = before;
  let heapPeak = 0;
  const sampler = setInterval(() => {
    const { rss, heapUsed, external } = process.memoryUsage();
    rssPeak = Math.max(rssPeak, rss);
    heapPeak = Math.max(heapPeak, heapUsed + external);
  }, SAMPLE_MS);
  const startedAt = performance.now();
  try {
    const [from, to] = [Date.now() - days * DAY_MS, Date.now()].map((ms) => new Date(ms).toISOString());
    const range = `from=${from}&to=${to}`;
    const response = await fetch(`${url}/finance/exports/${file}?${range}`, { headers: { authorization: `Bearer ${token}` } });
    if (response.status !== 200 || response.body === null) throw new Error(`${file} answered ${response.status}`);
    const bytes = await readToEnd(file, response.body as AsyncIterable<Uint8Array>);
    const ms = performance.now() - startedAt;
    return { file, days, bytes, ms, rssGrowthMib: (rssPeak - before) / MIB, heapPeakMib: heapPeak / MIB };
  } finally {
    clearInterval(sampler);
  }
}

async function readToEnd(file: string, body: AsyncIterable<Uint8Array>): Promise<number> {
  const hash = createHash('sha256');
  const lastLineBytes = file.endsWith('.csv') ? 'sha256,'.length + 64 + 2 : 0;
  let held = Buffer.alloc(0);
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    held = Buffer.concat([held, chunk]);
    const sure = Math.max(0, held.length - lastLineBytes);
    hash.update(held.subarray(0, sure));
    held = held.subarray(sure);
  }
  if (lastLineBytes > 0 && held.toString() !== `sha256,${hash.digest('hex')}\r\n`)
    throw new Error(`${file} has a wrong checksum`);
  return bytes;
}
