import { ProviderError } from '../application/ports/provider';
import { untilAborted } from './until-aborted';

const timeout = () => new ProviderError('timeout', 'x');

describe('waiting until a signal is aborted', () => {
  it('gives the result, or the failure, of the work', async () => {
    const { signal } = new AbortController();
    await expect(untilAborted(signal, timeout, () => Promise.resolve(1))).resolves.toBe(1);
    await expect(untilAborted(signal, timeout, () => Promise.reject(new RangeError('no')))).rejects.toThrow(RangeError);
  });

  it('does not start the work after the deadline', async () => {
    const work = jest.fn(() => Promise.resolve(1));
    await expect(untilAborted(AbortSignal.abort(), timeout, work)).rejects.toMatchObject({ kind: 'timeout' });
    expect(work).not.toHaveBeenCalled();
  });

  it('rejects at the deadline and tells the late outcome once', async () => {
    for (const settle of ['resolve', 'reject'] as const) {
      const deadline = new AbortController();
      const late = jest.fn();
      let resolveWork: (value: string) => void = () => undefined;
      let rejectWork: (error: Error) => void = () => undefined;
      const work = new Promise<string>((resolve, reject) => {
        resolveWork = resolve;
        rejectWork = reject;
      });
      const waiting = untilAborted(deadline.signal, timeout, () => work, late);
      deadline.abort();
      await expect(waiting).rejects.toMatchObject({ kind: 'timeout' });
      expect(late).not.toHaveBeenCalled();
      const failure = new Error('late');
      if (settle === 'resolve') resolveWork('late');
      else rejectWork(failure);
      await work.catch(() => undefined);
      expect(late.mock.calls).toEqual([[settle === 'resolve' ? { ok: true, value: 'late' } : { ok: false, error: failure }]]);
    }
  });

  it('tells nothing late about work that was in time', async () => {
    const deadline = new AbortController();
    const late = jest.fn();
    await untilAborted(deadline.signal, timeout, () => Promise.resolve(1), late);
    deadline.abort();
    expect(late).not.toHaveBeenCalled();
  });
});
