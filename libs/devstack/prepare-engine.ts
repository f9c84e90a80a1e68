import { ensureAgent } from './agent';
import { findOrStartEngine } from './engine';
import { ensureSandboxImage } from './image';
import { clearLeftoverContainers, clearLeftovers } from './leftovers';
import { Run } from './run-record';

const say = (line: string): void => {
  process.stderr.write(`setup: ${line}\n`);
};

/** The last step of `npm run setup`: a container engine that answers and has the sandbox image. */
async function main(): Promise<void> {
  const leftovers = await clearLeftovers(say);
  const run = Run.open('setup');
  try {
    const engine = await findOrStartEngine(run, say);
    try {
      await clearLeftoverContainers(leftovers);
      say(`${engine.kind} has ${await ensureSandboxImage(engine, run, say)}`);
      if ((await ensureAgent(say)) !== null) say('the sandbox agent is compiled');
    } finally {
      await engine.stop();
    }
  } finally {
    run.close();
  }
}

main().catch((error: unknown) => {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
