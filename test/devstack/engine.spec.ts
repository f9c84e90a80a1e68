import { probeEngine, removeContainers } from '@tollbox/devstack/engine-client';
import { findOrStartEngine } from '@tollbox/devstack/engine';
import { Run } from '@tollbox/devstack/run-record';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** Command lines of all processes that mention `text`. */
function processesMentioning(text: string): string[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && existsSync(`/proc/${entry}/cmdline`))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      } catch {
        return ''; // it has ended meanwhile
      }
    })
    .filter((line) => line.includes(text));
}

describe('the container engine', () => {
  let state: string;
  const before = process.env['TOLLBOX_STATE_DIRECTORY'];
  beforeEach(() => {
    state = mkdtempSync(path.join(os.tmpdir(), 'tollbox engine '));
    process.env['TOLLBOX_STATE_DIRECTORY'] = state;
  });
  afterEach(() => {
    rmSync(state, { recursive: true, force: true });
    if (before === undefined) delete process.env['TOLLBOX_STATE_DIRECTORY'];
    else process.env['TOLLBOX_STATE_DIRECTORY'] = before;
  });

  it('serves two runs of a clone, and ends with the last one when it is our own', async () => {
    const [one, two] = [Run.open('test'), Run.open('test')];
    const first = await findOrStartEngine(one);
    const second = await findOrStartEngine(two);
    expect(second.dockerHost).toBe(first.dockerHost);
    await first.stop();
    one.close();
    expect(await probeEngine(second.dockerHost)).toBe(second.kind);
    if (second.isOwn) expect(await removeContainers(second.dockerHost)).toBe(0);
    await second.stop();
    two.close();
    // One that was there before stays; ours goes without a trace outside the state directory.
    expect(await probeEngine(second.dockerHost)).toBe(second.isOwn ? null : second.kind);
    if (second.isOwn) expect(existsSync(path.dirname(second.dockerHost.slice('unix://'.length)))).toBe(false);
    expect(processesMentioning(state)).toEqual([]);
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(path.basename(state).replaceAll(' ', '\\040'));
  });

  it('is looked for elsewhere when DOCKER_HOST does not answer', async () => {
    const asked = process.env['DOCKER_HOST'];
    process.env['DOCKER_HOST'] = `unix://${path.join(state, 'nothing.sock')}`;
    const lines: string[] = [];
    const run = Run.open('test');
    const engine = await findOrStartEngine(run, (line) => lines.push(line));
    expect(lines.join()).toContain('does not answer');
    expect(engine.dockerHost).not.toBe(process.env['DOCKER_HOST']);
    await engine.stop();
    run.close();
    if (asked === undefined) delete process.env['DOCKER_HOST'];
    else process.env['DOCKER_HOST'] = asked;
  });
});
