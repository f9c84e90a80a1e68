import { formatLogLine } from './log-format';

describe('a log line for a terminal', () => {
  it('shows level, context, text and plain fields', () => {
    const line = JSON.stringify({
      level: 40,
      time: 1,
      pid: 2,
      context: 'Reaper',
      msg: 'an orphan',
      sandboxId: 'sb-1',
      deep: { a: 1 },
    });
    expect(formatLogLine('worker', line)).toBe('worker   WARN  [Reaper] an orphan sandboxId=sb-1');
  });

  it('shows the stack of an error', () => {
    expect(formatLogLine('gateway', JSON.stringify({ level: 50, msg: 'failed', err: { stack: 'Error: x\n  at y' } }))).toBe(
      'gateway  ERROR failed Error: x\n  at y',
    );
  });

  it('leaves text that is not JSON as it is, and drops the framework’s wiring', () => {
    expect(formatLogLine('worker', '{ not json')).toBe('worker   { not json');
    expect(formatLogLine('worker', JSON.stringify({ level: 30, context: 'RouterExplorer', msg: 'Mapped' }))).toBeNull();
    expect(formatLogLine('worker', JSON.stringify({ level: 50, context: 'RouterExplorer', msg: 'broken' }))).not.toBeNull();
  });
});
