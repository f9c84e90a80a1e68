/** What a sandbox used from its start to its end. */
export interface Usage {
  readonly provider: string;
  /** Thousandths of a core. */
  readonly cpuMillis: number;
  readonly memoryMib: number;
  readonly gpu: string | null;
  readonly startedAt: Date;
  readonly endedAt: Date;
}

/** The price of a resource for a second, in USD at 10⁻¹²: `cpu` is a core, `memory` a GiB, `gpu:<type>` a card. */
export interface ProviderRate {
  readonly provider: string;
  readonly resource: string;
  readonly version: number;
  readonly effectiveFrom: Date;
  readonly usdE12PerSecond: bigint;
}

const MILLIS = 1_000n;
const MIB = 1_024n;

/** What the provider takes, by the rates at the start, for every second that was begun; null when a rate is missing. */
export function costOf(usage: Usage, rates: readonly ProviderRate[]): bigint | null {
  const cpu = rateOf('cpu', usage, rates);
  const memory = rateOf('memory', usage, rates);
  const gpu = usage.gpu === null ? 0n : rateOf(`gpu:${usage.gpu}`, usage, rates);
  if (cpu === null || memory === null || gpu === null) return null;
  const seconds = BigInt(Math.ceil((usage.endedAt.getTime() - usage.startedAt.getTime()) / 1_000));
  const scaled = cpu * BigInt(usage.cpuMillis) * MIB + memory * BigInt(usage.memoryMib) * MILLIS + gpu * MILLIS * MIB;
  return divideUp(scaled * seconds, MILLIS * MIB);
}

/** Of the versions that are in effect at the start, the newest. */
function rateOf(resource: string, { provider, startedAt }: Usage, rates: readonly ProviderRate[]): bigint | null {
  const versions = rates.filter(
    (rate) => rate.provider === provider && rate.resource === resource && rate.effectiveFrom <= startedAt,
  );
  return versions.sort((a, b) => b.version - a.version)[0]?.usdE12PerSecond ?? null;
}

const divideUp = (amount: bigint, by: bigint): bigint => (amount + by - 1n) / by;
