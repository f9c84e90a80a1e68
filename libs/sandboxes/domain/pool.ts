import type { SandboxOrder } from './sandbox';

/** What pool members have in common: whoever orders exactly this can be given any of them. */
export interface PoolProfile {
  readonly image: string;
  readonly cpuMillis: number;
  readonly memoryMiB: number;
}

const IN_PROFILE: ReadonlySet<string> = new Set(['image', 'cpuMillis', 'memoryMiB', 'lifetimeMs']);

const isNothing = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === false ||
  (typeof value === 'object' && Object.keys(value).length === 0 && !(value instanceof Date));

/**
 * The profile that can serve an order, or null: what asks for anything of its own is made for itself.
 * @param besides keys that are no wish of the buyer
 */
export function profileOf(order: SandboxOrder, besides: readonly string[] = []): PoolProfile | null {
  const own = Object.entries(order).some(([key, value]) => !IN_PROFILE.has(key) && !besides.includes(key) && !isNothing(value));
  return own ? null : { image: order.image, cpuMillis: order.cpuMillis, memoryMiB: order.memoryMiB };
}

export const profileKey = ({ image, cpuMillis, memoryMiB }: PoolProfile): string => `${image} ${cpuMillis} ${memoryMiB}`;

export interface PoolBounds {
  /** Members of the default profile that are kept without any demand. */
  readonly min: number;
  /** Members of all profiles together. */
  readonly max: number;
  /** Time that the pool bridges: as many creates as came in such a time on average, twice over. */
  readonly leadMs: number;
  readonly costCeilingUsdE12PerHour: bigint;
}

export interface ProfileDemand {
  readonly profile: PoolProfile;
  /** Creates in the window that the demand is taken from. */
  readonly creates: number;
  /** What one member costs at the provider; null where the rate table does not know it. */
  readonly usdE12PerHour: bigint | null;
}

/**
 * How many members each profile should have: by recent demand, within the bounds, the profiles in most demand first. What
 * would cost more than the ceiling, or an amount that nobody knows, is left out.
 * @param demands the default profile first
 */
export function poolTargets<Demand extends ProfileDemand>(
  demands: readonly Demand[],
  windowMs: number,
  bounds: PoolBounds,
): readonly { readonly demand: Demand; readonly target: number }[] {
  let [room, money] = [bounds.max, bounds.costCeilingUsdE12PerHour];
  const wishes = demands.map((demand, index) => ({
    demand,
    wanted: Math.max(index === 0 ? bounds.min : 0, Math.ceil((2 * demand.creates * bounds.leadMs) / windowMs)),
  }));
  wishes.sort((one, other) => other.demand.creates - one.demand.creates);
  return wishes.map(({ demand, wanted }) => {
    const { usdE12PerHour } = demand;
    if (usdE12PerHour === null) return { demand, target: 0 };
    const affordable = usdE12PerHour === 0n ? room : Number(money / usdE12PerHour);
    const target = Math.min(wanted, room, affordable);
    room -= target;
    money -= BigInt(target) * usdE12PerHour;
    return { demand, target };
  });
}
