import type { OnApplicationBootstrap, BeforeApplicationShutdown } from '@nestjs/common';
import type { Config } from '@tollbox/platform/config/config';
import type { PhaseObserver } from '@tollbox/platform/faults/phase-boundaries';
import type { OperationRegistry } from '@tollbox/platform/operations/operation';
import { FollowBatches } from './application/follow-batches';
import { KeyRail } from './application/key-rail';
import { OpenBatches } from './application/open-batches';
import type { EvmChain } from './application/ports/evm-chain';
import type { PayerCodeGas } from './application/ports/payer-code-gas';
import type { PaymentSignals, PaymentStore } from './application/ports/payment-store';
import type { SettlementRail } from './application/ports/settlement-rail';
import type { SettlementStore } from './application/ports/settlement-store';
import type { SettlementWallet } from './application/ports/settlement-wallet';
import { PaymentUpkeep } from './application/payment-upkeep';
import type { RecoverClaim } from './application/recover-claim';
import { ResolvePayment } from './application/resolve-payment';
import { RevokeRefused } from './application/revoke-refused';
import { SendBatch } from './application/send-batch';
import { SettlementLoop } from './application/settlement-loop';
import { WatchReorgs } from './application/watch-reorgs';
import { remoteRail, type RemoteSettlement } from './remote-rail';

export interface SettlementParts {
  readonly config: Config;
  readonly payments: PaymentStore;
  readonly store: SettlementStore;
  readonly chain: EvmChain;
  readonly payerCodeGas: PayerCodeGas;
  /** One a signing key. */
  readonly wallets: readonly SettlementWallet[];
  /** Settles in place of the signing keys. */
  readonly remote?: RemoteSettlement | null;
  readonly signals: PaymentSignals;
  readonly recover: RecoverClaim;
  readonly operations: OperationRegistry;
  readonly phases: PhaseObserver;
  readonly leaseHolder: string;
  readonly onProblem: (error: unknown, what: string) => void;
}

/** The rail of one signing key. */
function keyRail(parts: SettlementParts, wallet: SettlementWallet): SettlementRail {
  const { config, store, chain, onProblem } = parts;
  const resolve = new ResolvePayment(chain);
  const open = new OpenBatches(store, wallet.address);
  const sender = new SendBatch(store, chain, wallet, resolve, open, parts.payerCodeGas, parts.phases, {
    policy: {
      size: config.SETTLEMENT_BATCH_SIZE,
      maxAgeMs: config.SETTLEMENT_BATCH_AGE_MS,
      urgentBelowMs: config.SETTLEMENT_URGENT_BELOW_MS,
    },
    maxInFlight: config.SETTLEMENT_MAX_IN_FLIGHT,
    maxFeePerGasWei: config.SETTLEMENT_MAX_FEE_PER_GAS_WEI,
    singleGasLimit: BigInt(config.SETTLEMENT_GAS_LIMIT),
    onProblem,
  });
  const follower = new FollowBatches(store, wallet, resolve, sender, open, {
    unknownAfterMs: config.SETTLEMENT_UNKNOWN_AFTER_MS,
    rebroadcastAfterMs: config.SETTLEMENT_REBROADCAST_MS,
    bumpAfterMs: config.SETTLEMENT_BUMP_AFTER_MS,
    dropAfterMs: config.SETTLEMENT_DROP_AFTER_MS,
    maxFeePerGasWei: config.SETTLEMENT_MAX_FEE_PER_GAS_WEI,
    phases: parts.phases,
    onProblem,
  });
  return new KeyRail(`settler:${config.X402_NETWORK}:${wallet.address}`, sender, follower);
}

/** Composes the settler and the upkeep, and runs them for the life of the process. */
export class SettlementRunner implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly loops: readonly SettlementLoop[];
  private readonly upkeep: PaymentUpkeep;

  constructor(parts: SettlementParts) {
    const { config, store, chain, onProblem } = parts;
    const rails = parts.remote ? [remoteRail(parts, parts.remote)] : parts.wallets.map((wallet) => keyRail(parts, wallet));
    this.loops = rails.map(
      (rail) =>
        new SettlementLoop(rail, store, parts.signals, {
          leaseHolder: parts.leaseHolder,
          leaseMs: config.SETTLEMENT_LEASE_MS,
          pollMs: config.SETTLEMENT_POLL_MS,
          onProblem,
        }),
    );
    const revoke = new RevokeRefused(parts.payments, parts.operations, onProblem);
    const reorgs = new WatchReorgs(store, chain, config.SETTLEMENT_CONFIRMATIONS);
    this.upkeep = new PaymentUpkeep(parts.payments, parts.recover, revoke, reorgs, {
      reorgCheckMs: config.SETTLEMENT_REORG_CHECK_MS,
      onProblem,
    });
  }

  onApplicationBootstrap(): void {
    for (const loop of this.loops) loop.start();
    this.upkeep.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all([...this.loops.map((loop) => loop.stop()), this.upkeep.stop()]);
  }
}
