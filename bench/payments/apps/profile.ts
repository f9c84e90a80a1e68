import { writeFileSync } from 'node:fs';
import { Session, type Profiler } from 'node:inspector';
import path from 'node:path';

/** Profiles this process for all its life and writes the result to BENCH_PROFILE_DIR when it ends. */
export function profileWhenAsked(name: string): void {
  const directory = process.env['BENCH_PROFILE_DIR'];
  if (directory === undefined || directory === '') return;
  const session = new Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.start');
  process.once('exit', () => {
    // Within one thread the answer comes before post() returns.
    session.post('Profiler.stop', (_error: Error | null, { profile }: Profiler.StopReturnType) => {
      writeFileSync(path.join(directory, `${name}-${process.pid}.cpuprofile`), JSON.stringify(profile));
    });
  });
}
