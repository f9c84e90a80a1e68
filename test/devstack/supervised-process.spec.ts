import { SupervisedProcess } from '@tollbox/devstack/supervised-process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

describe('a supervised process', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(path.join(os.tmpdir(), 'tollbox-supervised-spec-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const program = (source: string) => {
    const file = path.join(directory, 'program.js');
    writeFileSync(file, source);
    return file;
  };
  const supervise = (file: string, onGivenUp: (error: Error) => void = () => undefined) => {
    const starts: number[] = [];
    const supervised = new SupervisedProcess({
      name: 'program',
      file,
      env: () => ({ PATH: process.env['PATH'], MARK: path.join(directory, 'mark') }),
      onLine: () => undefined,
      onStarted: (pid) => starts.push(pid),
      onReady: () => undefined,
      onGivenUp,
    });
    return { supervised, starts };
  };

  it('says with its last words why it did not start', async () => {
    const { supervised } = supervise(program(`console.error('no port left'); process.exit(3);`));
    await expect(supervised.start()).rejects.toThrow(/ended with code 3 before it was ready:[^]*no port left/);
  });

  it('is given up when it keeps dying', async () => {
    const file = program(`process.send({ type: 'ready' }); setTimeout(() => process.exit(1), 20);`);
    const given = await new Promise<{ error: Error; starts: number }>((resolve, reject) => {
      const { supervised, starts } = supervise(file, (error) => resolve({ error, starts: starts.length }));
      supervised.start().catch(reject);
    });
    expect(given.error.message).toMatch(/6 times within a minute/);
    expect(given.starts).toBe(6);
  });

  it('gets the chance to end by itself, and is not started again', async () => {
    const file = program(`
      process.on('SIGTERM', () => { require('fs').writeFileSync(process.env.MARK, 'ended well'); process.exit(0); });
      process.on('disconnect', () => process.exit(0));
      process.send({ type: 'ready', url: 'http://127.0.0.1:1' });`);
    const { supervised, starts } = supervise(file);
    await supervised.start();
    await supervised.stop();
    expect(readFileSync(path.join(directory, 'mark'), 'utf8')).toBe('ended well');
    expect(starts).toHaveLength(1);
  });
});
