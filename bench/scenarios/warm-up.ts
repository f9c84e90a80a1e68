import type { BlockPlan } from '../options';
import type { World } from '../world';
import { rememberSandboxes, signedCreate } from './create';
import { COMMANDS, measureExec } from './exec';
import { measureStatus } from './status';

const SHORT: BlockPlan = { rounds: 1, callsPerBlock: 4, concurrency: 2, maxBlockMs: 500, maxMs: 0 };

/** Runs every path a few times on a sandbox of a wallet of its own, so that nothing is measured while it is compiled. */
export async function warmUp(world: World): Promise<void> {
  const owner = world.wallets.at(-1)!;
  const bought: { owner: typeof owner; sandboxId: string }[] = [];
  await (
    await signedCreate(world, owner, bought)
  )();
  const small: World = { ...world, sandboxes: [] };
  await rememberSandboxes(small, bought);
  await measureStatus(small, [SHORT]);
  for (const command of COMMANDS) await measureExec(small, command, [SHORT]);
}
