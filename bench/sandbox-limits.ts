import type { Measurement } from './contest';
import { table } from './report';
import type { StreamFigures } from './scenarios/stream';

/** A target of the sandbox side: our figure beside the raw engine's of the same run. */
export interface SandboxLimit {
  readonly what: string;
  readonly unit: 'ms' | 'MiB' | 'times';
  readonly ours: number;
  readonly peer: number | null;
  readonly ratio: number | null;
  readonly limit: string;
  readonly isMet: boolean;
}

const FIRST_BYTE_MS = 20;
const PAID_EXEC_MS = 30;
const EXEC_TIMES_FASTER = 2.5;
const CREATE_TIMES_RAW = 2;
const HELD_MIB = 4;

/** Single calls only: under load the engine and the load share the cores. */
export function sandboxLimits(measurements: readonly Measurement[], stream: StreamFigures): SandboxLimit[] {
  const p50 = (work: string, contender: Measurement['contender']): number =>
    measurements.find((one) => one.work === work && one.contender === contender && one.concurrency === 1)?.p50Ms ?? Number.NaN;
  const limit = (what: string, unit: SandboxLimit['unit'], ours: number, peer: number | null, text: string, isMet: boolean) => ({
    what,
    unit,
    ours,
    peer,
    ratio: peer === null ? null : ours / peer,
    limit: text,
    isMet,
  });
  const [raw, provider, paid] = [
    p50('exec python', 'raw engine'),
    p50('exec python', 'provider'),
    p50('exec python', 'paid call'),
  ] as const;
  const [rawCreate, create] = [p50('create', 'raw engine'), p50('create', 'provider')] as const;
  return [
    limit('exec python, provider, p50', 'ms', provider, raw, `≤ 1/${EXEC_TIMES_FASTER}`, raw / provider >= EXEC_TIMES_FASTER),
    limit('exec python, paid call, p50', 'ms', paid, raw, `≤ ${PAID_EXEC_MS} ms`, paid <= PAID_EXEC_MS),
    limit('create, provider, p50', 'ms', create, rawCreate, `≤ ${CREATE_TIMES_RAW}`, create <= CREATE_TIMES_RAW * rawCreate),
    limit(
      'a written line at its reader, p50',
      'ms',
      stream.lineP50Ms,
      null,
      `≤ ${FIRST_BYTE_MS} ms`,
      stream.lineP50Ms <= FIRST_BYTE_MS,
    ),
    limit('20 MB streamed', 'ms', stream.streamMs, stream.rawStreamMs, 'told', true),
    limit('held of 20 MB for a slow reader', 'MiB', stream.heldMiB, null, `≤ ${HELD_MIB} MiB`, stream.heldMiB <= HELD_MIB),
  ];
}

const digits = (value: number | null): string => (value === null ? '' : value.toFixed(value < 10 ? 2 : 1));

export function limitTable(limits: readonly SandboxLimit[]): string {
  return table([
    ['sandboxes', 'ours', 'raw engine', 'ratio', 'limit', ''],
    ...limits.map(({ what, unit, ours, peer, ratio, limit, isMet }) => [
      what,
      `${digits(ours)} ${unit}`,
      peer === null ? '' : `${digits(peer)} ${unit}`,
      digits(ratio),
      limit,
      isMet ? 'met' : 'MISSED',
    ]),
  ]);
}
