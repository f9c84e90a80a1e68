import { startOwnEngine } from './engine';
import { ensureGvisor, removeGvisor } from './gvisor';
import { ensureSandboxImage } from './image';
import { proveGvisor } from './prove-gvisor';
import { Run } from './run-record';

const say = (line: string): void => {
  process.stderr.write(`setup: ${line}\n`);
};

/** `npm run setup:gvisor`: gVisor in this clone, proven by a container, and from then on what its engine runs sandboxes with. */
async function main(): Promise<void> {
  const release = await ensureGvisor(say);
  const run = Run.open('setup');
  try {
    const engine = await startOwnEngine(run, say, 'runsc');
    try {
      const references = await ensureSandboxImage(engine, run, say);
      await proveGvisor(engine, references.split('=')[1] ?? '');
    } catch (error) {
      removeGvisor();
      throw error;
    } finally {
      await engine.stop();
    }
  } finally {
    run.close();
  }
  say(`${release} works here and is now the default runtime of the engine that this clone starts`);
  if (process.env['DOCKER_HOST'])
    say(`DOCKER_HOST names another engine, which is asked first: register gVisor there as docs/isolation.md says`);
}

main().catch((error: unknown) => {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
