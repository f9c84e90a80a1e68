import { contest, type Contender, type Measurement } from '../contest';
import { inTurn } from '../in-turn';
import type { BlockPlan } from '../options';
import type { World } from '../world';

/** Paid status beside the raw engine's inspect of the same containers. */
export async function measureStatus(world: World, plans: readonly BlockPlan[]): Promise<Measurement[]> {
  const nextRaw = inTurn(world.sandboxes);
  const nextPaid = inTurn(world.sandboxes);
  const raw: Contender = {
    name: 'raw engine',
    prepare: (count) =>
      Array.from({ length: count }, () => {
        const { containerId } = nextRaw();
        return () => world.raw.inspect(containerId);
      }),
  };
  const paid: Contender = {
    name: 'paid call',
    prepare: (count) =>
      Promise.all(
        Array.from({ length: count }, async () => {
          const { owner, sandboxId } = nextPaid();
          const request = await world.buyers.sign(owner, 'status', { sandbox_id: sandboxId });
          return async () => {
            const { body } = await world.buyers.pay(request);
            const { status } = JSON.parse(body.toString('utf8')) as { status: string };
            if (status !== 'running') throw new Error(`sandbox ${sandboxId} is ${status}`);
          };
        }),
      ),
  };
  const measurements: Measurement[] = [];
  for (const plan of plans) measurements.push(...(await contest('status', [raw, paid], plan, world)));
  return measurements;
}
