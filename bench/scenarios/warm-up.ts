import { contest } from '../contest';
import type { World } from '../world';
import { rememberSandboxes, signedCreate } from './create';
import { COMMANDS, measureExec } from './exec';
import { measureStatus } from './status';

const ONE = { rounds: 1, callsPerBlock: 8, concurrency: 2, maxBlockMs: 500 };

/** Runs every path a few times on a sandbox of a wallet of its own, so that nothing is measured while it is compiled. */
export async function warmUp(world: World): Promise<void> {
  const owner = world.wallets.at(-1)!;
  const bought: { owner: typeof owner; sandboxId: string }[] = [];
  const create = { name: 'paid call', prepare: async () => [await signedCreate(world, owner, bought)] } as const;
  await contest('create', [create], { ...ONE, concurrency: 1 }, world.cpu);
  const small: World = {
    ...world,
    sandboxes: [],
    plan: { ...world.plan, statusLatency: ONE, statusThroughput: ONE, execLatency: ONE, execThroughput: ONE },
  };
  await rememberSandboxes(small, bought);
  await measureStatus(small);
  for (const command of COMMANDS) await measureExec(small, command);
}
