import { blockRunStatus, canTransition, isFinal, SANDBOX_STATES, SANDBOX_TRANSITIONS } from './sandbox-state';

describe('sandbox states', () => {
  it('lead from the first one to every other, and every state that is not final leads to a final one', () => {
    const reachable = (from: (typeof SANDBOX_STATES)[number]): Set<string> => {
      const seen = new Set<string>([from]);
      const queue = [from];
      for (let state = queue.pop(); state !== undefined; state = queue.pop()) {
        for (const next of SANDBOX_TRANSITIONS[state]) if (!seen.has(next)) queue.push((seen.add(next), next));
      }
      return seen;
    };
    expect(reachable('requested')).toEqual(new Set(SANDBOX_STATES));
    for (const state of SANDBOX_STATES)
      expect([...reachable(state)].some((other) => ['terminated', 'failed', 'lost'].includes(other))).toBe(true);
  });

  it('are final exactly for terminated, failed and lost', () => {
    expect(SANDBOX_STATES.filter(isFinal)).toEqual(['terminated', 'failed', 'lost']);
  });

  it('never come back to life', () => {
    expect(SANDBOX_STATES.filter((state) => canTransition(state, 'running'))).toEqual(['provisioning', 'unknown', 'pooled']);
  });

  it('are running or terminated for buyers', () => {
    expect(SANDBOX_STATES.filter((state) => blockRunStatus(state) === 'running')).toEqual(['running']);
  });
});
