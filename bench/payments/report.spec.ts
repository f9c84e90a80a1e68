import type { Contest, Latency, Throughput } from './measure';
import { verdictsOf, verdictTable, type Findings } from './report';

const throughput = (server: 'ours' | 'peer', perSecond: number): Throughput => ({
  server,
  perSecond,
  cpuMsPerCall: 1,
  cpuMsByProcess: {},
  loadSideMsByProcess: {},
  calls: 100,
  failures: 0,
});
const contest = (ours: number, peer: number): Contest => ({
  ours: throughput('ours', ours),
  peer: throughput('peer', peer),
  blocks: [],
});
const latency = (p50Ms: number): Latency => ({ server: 'ours', perSecond: 10, calls: 100, failures: 0, p50Ms, p99Ms: p50Ms * 2 });

const findings: Findings = {
  confirm: contest(800, 100),
  optimistic: contest(1_499, 100),
  unpaid: contest(9_000, 3_000),
  half: { confirm: latency(10), optimistic: latency(5), peer: latency(20) },
  blockTime: { seconds: 2, paid: latency(26), free: latency(1), peer: latency(1_000), peerFree: latency(1) },
  gas: {
    batch: { transactionHash: '0x1', payments: 50, gasUsed: 2_500_000 },
    singles: [],
    perPaymentInBatch: 50_000,
    single: 80_000,
  },
  money: [],
  reconciliation: { payments: 10, transfers: 10, open: 0, firstMs: 1, againMs: 1 },
};

describe('verdictsOf', () => {
  it('holds every target against its limit', () => {
    const judged = verdictsOf(findings).filter(({ met }) => met !== null);
    expect(judged.map(({ what, met }) => [what.split(',')[0], met])).toEqual([
      ['confirm', true],
      ['optimistic', false],
      ['unpaid 402', true],
      ['optimistic', true],
      ['gas of a payment in a batch of 50', false],
    ]);
  });

  it('prints one line for each, and says NO where a target is missed', () => {
    const lines = verdictTable(verdictsOf(findings)).split('\n');
    expect(lines).toHaveLength(verdictsOf(findings).length + 1);
    expect(lines.filter((line) => line.endsWith('NO'))).toHaveLength(2);
  });
});
