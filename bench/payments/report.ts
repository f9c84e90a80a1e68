import { table } from '../report';
import type { GasMeasurement } from './gas';
import type { Contest, Latency } from './measure';
import type { MoneyCheck } from './money';
import type { RealReconciliation } from './reconcile';
import { LOAD_SIDE } from './world';

/** Everything that a run found out. */
export interface Findings {
  readonly confirm: Contest;
  readonly optimistic: Contest;
  readonly unpaid: Contest;
  /** Latencies at half of the server's own peak. */
  readonly half: { readonly confirm: Latency; readonly optimistic: Latency; readonly peer: Latency };
  readonly blockTime: {
    readonly seconds: number;
    readonly paid: Latency;
    readonly free: Latency;
    readonly peer: Latency;
    readonly peerFree: Latency;
  };
  readonly gas: GasMeasurement;
  readonly money: readonly MoneyCheck[];
  readonly reconciliation: RealReconciliation;
}

/** One line of the result: what was asked for, and whether it is met. Without a target it is told, not judged. */
export interface Verdict {
  readonly what: string;
  readonly unit: string;
  readonly ours: number;
  readonly peer: number | null;
  readonly ratio: number | null;
  readonly target: string;
  readonly met: boolean | null;
}

const atLeast = (what: string, unit: string, ours: number, peer: number, times: number): Verdict => {
  const ratio = ours / peer;
  return { what, unit, ours, peer, ratio, target: `≥ ${times} ×`, met: ratio >= times };
};
const told = (what: string, unit: string, ours: number, peer: number): Verdict => ({
  what,
  unit,
  ours,
  peer,
  ratio: ours / peer,
  target: '',
  met: null,
});

export const MAX_OPTIMISTIC_OVERHEAD_MS = 25;
export const MAX_BATCH_GAS_SHARE = 0.62;

export function verdictsOf({ confirm, optimistic, unpaid, half, blockTime, gas }: Findings): Verdict[] {
  const overheadMs = blockTime.paid.p50Ms - blockTime.free.p50Ms;
  const share = gas.perPaymentInBatch / gas.single;
  return [
    atLeast('confirm, automine', 'paid calls/s', confirm.ours.perSecond, confirm.peer.perSecond, 8),
    told('  CPU of a call', 'ms', confirm.ours.cpuMsPerCall, confirm.peer.cpuMsPerCall),
    told('  p50 at half of the peak', 'ms', half.confirm.p50Ms, half.peer.p50Ms),
    told('  p99 at half of the peak', 'ms', half.confirm.p99Ms, half.peer.p99Ms),
    atLeast('optimistic, automine', 'paid calls/s', optimistic.ours.perSecond, optimistic.peer.perSecond, 15),
    told('  CPU of a call', 'ms', optimistic.ours.cpuMsPerCall, optimistic.peer.cpuMsPerCall),
    told('  p50 at half of the peak', 'ms', half.optimistic.p50Ms, half.peer.p50Ms),
    told('  p99 at half of the peak', 'ms', half.optimistic.p99Ms, half.peer.p99Ms),
    atLeast('unpaid 402', 'calls/s', unpaid.ours.perSecond, unpaid.peer.perSecond, 3),
    told('  CPU of a call', 'ms', unpaid.ours.cpuMsPerCall, unpaid.peer.cpuMsPerCall),
    {
      what: `optimistic, ${blockTime.seconds} s blocks: p50 above the handler`,
      unit: 'ms',
      ours: overheadMs,
      peer: blockTime.peer.p50Ms - blockTime.peerFree.p50Ms,
      ratio: overheadMs / (blockTime.peer.p50Ms - blockTime.peerFree.p50Ms),
      target: `≤ ${MAX_OPTIMISTIC_OVERHEAD_MS} ms`,
      met: overheadMs <= MAX_OPTIMISTIC_OVERHEAD_MS,
    },
    {
      what: `gas of a payment in a batch of ${gas.batch.payments}, against alone`,
      unit: 'gas',
      ours: gas.perPaymentInBatch,
      peer: gas.single,
      ratio: share,
      target: `≤ ${MAX_BATCH_GAS_SHARE} ×`,
      met: share <= MAX_BATCH_GAS_SHARE,
    },
  ];
}

function number(value: number | null): string {
  if (value === null) return '–';
  if (Math.abs(value) >= 100) return value.toFixed(0);
  return Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2);
}

export function verdictTable(verdicts: readonly Verdict[]): string {
  return table(
    [
      ['', 'unit', 'ours', 'official', 'ours / official', 'target', 'met'],
      ...verdicts.map(({ what, unit, ours, peer, ratio, target, met }) => [
        what,
        unit,
        number(ours),
        number(peer),
        ratio === null ? '–' : `×${ratio.toFixed(ratio < 10 ? 2 : 1)}`,
        target,
        met === null ? '' : met ? 'yes' : 'NO',
      ]),
    ],
    2,
  );
}

/** CPU of each process for a call, which says where to look. */
export function processTable({ confirm, optimistic, unpaid }: Findings): string {
  const row = (what: string, { ours, peer }: Contest): string[] => [
    what,
    number(ours.cpuMsByProcess['gateway'] ?? 0),
    number(ours.cpuMsByProcess['worker'] ?? 0),
    number(peer.cpuMsPerCall),
    ...LOAD_SIDE.map((name) => `${number(ours.loadSideMsByProcess[name] ?? 0)} / ${number(peer.loadSideMsByProcess[name] ?? 0)}`),
    String(ours.calls),
    `${peer.calls} (${peer.failures} failed)`,
  ];
  return table([
    [
      'CPU ms a call',
      'gateway',
      'worker',
      'official',
      ...LOAD_SIDE.map((name) => `${name}: ours / official`),
      'calls of ours',
      'calls of the official',
    ],
    row('confirm', confirm),
    row('optimistic', optimistic),
    row('unpaid', unpaid),
  ]);
}

const usdc = (atomic: bigint): string => `${atomic / 1_000_000n}.${(atomic % 1_000_000n).toString().padStart(6, '0')} USDC`;

export function moneyLines(checks: readonly MoneyCheck[]): string {
  const sum = (server: string, pick: (check: MoneyCheck) => bigint) =>
    checks.filter((check) => check.server === server).reduce((total, check) => total + pick(check), 0n);
  const answered = (server: string) => sum(server, ({ answered: count }) => BigInt(count)).toString();
  const unanswered = sum('peer', ({ arrivedAtomic, chargedAtomic }) => arrivedAtomic - chargedAtomic);
  return [
    `money, after each of ${checks.filter(({ server }) => server === 'ours').length} runs: ${answered('ours')} answered calls, ` +
      `${usdc(sum('ours', ({ chargedAtomic }) => chargedAtomic))} = payTo ${usdc(sum('ours', ({ arrivedAtomic }) => arrivedAtomic))} ` +
      `= settled ${usdc(sum('ours', ({ settledAtomic }) => settledAtomic ?? 0n))} = journal ${usdc(sum('ours', ({ journalAtomic }) => journalAtomic ?? 0n))}`,
    `the official server: ${answered('peer')} answered calls, ${usdc(sum('peer', ({ chargedAtomic }) => chargedAtomic))}; ${usdc(unanswered)} arrived without an answer`,
  ].join('\n');
}

export const reconciliationLine = ({ payments, transfers, open, firstMs, againMs }: RealReconciliation): string =>
  `reconciliation: ${payments} payments and ${transfers} transfers of the chain in ${(firstMs / 1e3).toFixed(1)} s (again ${(againMs / 1e3).toFixed(1)} s), ${open} differences`;
