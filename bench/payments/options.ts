import { parseArgs } from 'node:util';

export interface Plan {
  readonly name: 'full' | 'quick';
  readonly profile: boolean;
  /** Wallets that pay. */
  readonly payers: number;
  /** Times that ours and the peer take turns in a scenario. */
  readonly rounds: number;
  /** Length of a closed-loop block. */
  readonly blockMs: number;
  /** Callers of a closed loop: enough to keep the server busy at every moment. */
  readonly callers: { readonly ours: number; readonly peer: number; readonly unpaid: number };
  /** Length of an open loop at half of the peak. */
  readonly latencyMs: number;
  readonly blockTime: { readonly seconds: number; readonly perSecond: number; readonly forMs: number };
  readonly batchSize: number;
  /** Single settles whose gas is compared with the batch's. */
  readonly singles: number;
}

const FULL: Plan = {
  name: 'full',
  profile: false,
  payers: 256,
  rounds: 4,
  blockMs: 10_000,
  callers: { ours: 128, peer: 32, unpaid: 32 },
  latencyMs: 10_000,
  blockTime: { seconds: 2, perSecond: 20, forMs: 20_000 },
  batchSize: 50,
  singles: 5,
};

const QUICK: Plan = {
  ...FULL,
  name: 'quick',
  rounds: 2,
  blockMs: 6_000,
  latencyMs: 4_000,
  blockTime: { ...FULL.blockTime, forMs: 6_000 },
  singles: 3,
};

export const USAGE = `npm run bench -- payments [--quick] [--profile]
  --quick     shorter blocks and fewer of them, about 2 minutes; the full run takes under 10 minutes
  --profile   writes CPU profiles of gateway and worker to .tollbox/bench/profiles`;

/** Throws with a text for the user when an argument is not known. */
export function planFrom(args: readonly string[]): Plan {
  const options = { quick: { type: 'boolean', default: false }, profile: { type: 'boolean', default: false } } as const;
  const { values } = parseArgs({ args: [...args], options });
  return { ...(values.quick ? QUICK : FULL), profile: values.profile };
}
