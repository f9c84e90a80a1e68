import { composeBatch, type BatchCandidate } from './batch-policy';

const policy = { size: 8, maxAgeMs: 1_000, urgentBelowMs: 60_000 };
const waiting: BatchCandidate = {
  payerKind: 'eoa',
  settlementMode: 'optimistic',
  round: 1,
  queuedForMs: 0,
  timeLeftMs: 300_000,
};
const many = (count: number, change: Partial<BatchCandidate> = {}): BatchCandidate[] =>
  Array.from({ length: count }, () => ({ ...waiting, ...change }));
const sizeOf = (candidates: readonly BatchCandidate[]): number => {
  const composed = composeBatch(candidates, policy);
  return composed.kind === 'send' ? composed.batch.length : 0;
};

describe('a batch', () => {
  it('waits for company when nobody waits for it', () => {
    expect(composeBatch([], policy)).toEqual({ kind: 'wait', forMs: 1_000 });
    expect(composeBatch(many(7, { queuedForMs: 400 }), policy)).toEqual({ kind: 'wait', forMs: 600 });
  });

  it('goes when it is full, old, short of time, or when a payer waits', () => {
    expect(sizeOf(many(8))).toBe(8);
    expect(sizeOf(many(3, { queuedForMs: 1_000 }))).toBe(3);
    expect(sizeOf([...many(1, { timeLeftMs: 59_000 }), ...many(2)])).toBe(3);
    expect(sizeOf([...many(2), ...many(1, { settlementMode: 'confirm' })])).toBe(3);
  });

  it('leaves a contract wallet alone', () => {
    const contract: BatchCandidate = { ...waiting, payerKind: 'contract', settlementMode: 'confirm' };
    expect(composeBatch([contract, ...many(3)], policy)).toEqual({ kind: 'send', batch: [contract] });
    expect(composeBatch([...many(3), contract], policy)).toEqual({ kind: 'send', batch: many(3) });
  });

  it('halves with every round of a payment in it', () => {
    expect(sizeOf(many(8, { round: 2 }))).toBe(4);
    expect(sizeOf(many(8, { round: 3 }))).toBe(2);
    expect(sizeOf(many(8, { round: 9 }))).toBe(1);
    expect(sizeOf([...many(3), ...many(5, { round: 2 })])).toBe(4);
    expect(sizeOf([...many(6), ...many(2, { round: 2 })])).toBe(6); // those that would make it smaller go in the next one
  });
});
