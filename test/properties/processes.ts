/** Gateways and workers that run the use cases of the product, each on its own view of store and chain. */
import { AwaitOutcome } from '@tollbox/payments/application/await-outcome';
import { ClaimPayment } from '@tollbox/payments/application/claim-payment';
import { ConcludeClaim } from '@tollbox/payments/application/conclude-claim';
import { ExecuteClaim } from '@tollbox/payments/application/execute-claim';
import { FollowBatches } from '@tollbox/payments/application/follow-batches';
import { KeyRail } from '@tollbox/payments/application/key-rail';
import { OpenBatches } from '@tollbox/payments/application/open-batches';
import { PayForOperation } from '@tollbox/payments/application/pay-for-operation';
import type { EvmChain } from '@tollbox/payments/application/ports/evm-chain';
import type { PaymentSignals, PaymentStore } from '@tollbox/payments/application/ports/payment-store';
import type { SettlementStore } from '@tollbox/payments/application/ports/settlement-store';
import type { SettlementWallet } from '@tollbox/payments/application/ports/settlement-wallet';
import { RecoverClaim } from '@tollbox/payments/application/recover-claim';
import { ResolvePayment } from '@tollbox/payments/application/resolve-payment';
import { RevokeRefused } from '@tollbox/payments/application/revoke-refused';
import { SendBatch } from '@tollbox/payments/application/send-batch';
import type { VerifyPayment } from '@tollbox/payments/application/verify-payment';
import { WatchReorgs } from '@tollbox/payments/application/watch-reorgs';
import { OperationRegistry, type Operation } from '@tollbox/platform/operations/operation';

/** Longer than one step of the clock, shorter than two. */
export const LEASE_MS = 15_000;
const BATCH = 100;
/** No payer has code here. */
const NO_CODE = { isUsedUp: () => Promise.resolve(false), isSpokenFor: () => Promise.resolve(false) };
const NO_PHASES = { reached: () => undefined };

export interface ProcessParts {
  readonly name: string;
  readonly payments: PaymentStore;
  readonly settlements: SettlementStore;
  readonly chain: EvmChain;
  readonly wallets: readonly SettlementWallet[];
  readonly operations: readonly Operation[];
  readonly onProblem: (error: unknown, what: string) => void;
}

/** The waiting payer is told at once: what he waits for is looked at in the next step. */
const signals: PaymentSignals = { changed: () => Promise.resolve(), queued: () => Promise.resolve() };

function recovery(parts: ProcessParts): { conclude: ConcludeClaim; recover: RecoverClaim } {
  const conclude = new ConcludeClaim(parts.payments, 86_400_000);
  return { conclude, recover: new RecoverClaim(parts.payments, conclude, new OperationRegistry(parts.operations), parts.name) };
}

export function gateway(parts: ProcessParts): PayForOperation {
  const { conclude, recover } = recovery(parts);
  const limits = {
    leaseHolder: parts.name,
    leaseMs: LEASE_MS,
    maxInFlightPerPayer: 64,
    maxRefusedPerPayerPerHour: 10,
    optimisticCapPerPayerAtomic: 2_000n,
    optimisticCapTotalAtomic: 3_000n,
  };
  // Signatures are not what is interleaved here.
  const verify = { verify: () => Promise.resolve({ kind: 'verified', payerKind: 'eoa' }) } as unknown as VerifyPayment;
  const claims = new ClaimPayment(parts.payments, parts.chain, NO_CODE, limits);
  const execute = new ExecuteClaim(parts.payments, conclude, NO_PHASES, {
    leaseHolder: parts.name,
    leaseMs: 300_000_000, // no renewal falls into a run
    onProblem: parts.onProblem,
  });
  const outcomes = new AwaitOutcome(parts.payments, signals, recover, 0);
  return new PayForOperation(parts.payments, verify, claims, execute, outcomes, { houseWallets: [], answersEarly: true });
}

/** What a worker's loops call, one call a task. */
export class Worker {
  readonly tasks: readonly (() => Promise<unknown>)[];
  private readonly busy = new Set<number>();

  constructor(parts: ProcessParts) {
    const { recover } = recovery(parts);
    const revoke = new RevokeRefused(parts.payments, new OperationRegistry(parts.operations), parts.onProblem);
    const reorgs = new WatchReorgs(parts.settlements, parts.chain, 'latest');
    const rails = parts.wallets.map((wallet) => keyRail(parts, wallet));
    const underLease = (rail: KeyRail, step: 'send' | 'follow') => async () => {
      const lease = await parts.settlements.acquireLease(rail.leaseName, parts.name, LEASE_MS);
      if (lease !== null) await rail[step](lease);
    };
    this.tasks = [
      ...rails.flatMap((rail) => [underLease(rail, 'send'), underLease(rail, 'follow')]),
      () => recover.recoverAll(BATCH, 'worker'),
      () => revoke.revokeAll(BATCH),
      () => reorgs.check(),
    ];
  }

  /** Starts the task unless it is running; a task never runs twice at once in a process. */
  async run(index: number): Promise<void> {
    const number = index % this.tasks.length;
    if (this.busy.has(number)) return;
    this.busy.add(number);
    try {
      await this.tasks[number]?.();
    } finally {
      this.busy.delete(number);
    }
  }
}

function keyRail(parts: ProcessParts, wallet: SettlementWallet): KeyRail {
  const resolve = new ResolvePayment(parts.chain);
  const open = new OpenBatches(parts.settlements, wallet.address);
  const ceiling = { maxFeePerGasWei: 1_000n };
  const sender = new SendBatch(parts.settlements, parts.chain, wallet, resolve, open, NO_CODE, NO_PHASES, {
    policy: { size: 2, maxAgeMs: 500, urgentBelowMs: 1_000 },
    maxInFlight: 2,
    ...ceiling,
    singleGasLimit: 100_000n,
    onProblem: parts.onProblem,
  });
  const times = { rebroadcastAfterMs: 3_000, unknownAfterMs: 30_000, bumpAfterMs: 15_000, dropAfterMs: 5_000 };
  const follower = new FollowBatches(parts.settlements, wallet, resolve, sender, open, {
    ...times,
    ...ceiling,
    phases: NO_PHASES,
    onProblem: parts.onProblem,
  });
  return new KeyRail(`settler:${wallet.address}`, sender, follower);
}
