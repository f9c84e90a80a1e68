import type { OnApplicationBootstrap, BeforeApplicationShutdown } from '@nestjs/common';
import type { Config } from '@tollbox/platform/config/config';
import type { PhaseObserver } from '@tollbox/platform/faults/phase-boundaries';
import type { OperationRegistry } from '@tollbox/platform/operations/operation';
import type { EvmChain, SettlementWallet } from './application/ports/evm-chain';
import type { PaymentSignals, PaymentStore } from './application/ports/payment-store';
import type { SettlementStore } from './application/ports/settlement-store';
import { PaymentUpkeep } from './application/payment-upkeep';
import type { RecoverClaim } from './application/recover-claim';
import { ResolvePayment } from './application/resolve-payment';
import { ResolveTransactions } from './application/resolve-transactions';
import { RevokeRefused } from './application/revoke-refused';
import { SendQueued } from './application/send-queued';
import { SettlementLoop } from './application/settlement-loop';
import { WatchReorgs } from './application/watch-reorgs';

export interface SettlementParts {
  readonly config: Config;
  readonly payments: PaymentStore;
  readonly store: SettlementStore;
  readonly chain: EvmChain;
  readonly wallet: SettlementWallet;
  readonly signals: PaymentSignals;
  readonly recover: RecoverClaim;
  readonly operations: OperationRegistry;
  readonly phases: PhaseObserver;
  readonly leaseHolder: string;
  readonly onProblem: (error: unknown, what: string) => void;
}

/** Composes the settler and the upkeep, and runs them for the life of the process. */
export class SettlementRunner implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly loop: SettlementLoop;
  private readonly upkeep: PaymentUpkeep;

  constructor(parts: SettlementParts) {
    const { config, store, chain, wallet, onProblem } = parts;
    const resolve = new ResolvePayment(store, chain);
    const send = new SendQueued(store, chain, wallet, resolve, parts.phases, {
      maxFeePerGasWei: config.SETTLEMENT_MAX_FEE_PER_GAS_WEI,
      gasLimit: BigInt(config.SETTLEMENT_GAS_LIMIT),
      onProblem,
    });
    const resolveAll = new ResolveTransactions(store, chain, wallet, resolve, send, {
      unknownAfterMs: config.SETTLEMENT_UNKNOWN_AFTER_MS,
      onProblem,
    });
    const steps = { send, resolve: resolveAll };
    this.loop = new SettlementLoop(store, parts.signals, steps, {
      leaseName: `settler:${config.X402_NETWORK}:${wallet.address}`,
      leaseHolder: parts.leaseHolder,
      leaseMs: config.SETTLEMENT_LEASE_MS,
      maxInFlight: config.SETTLEMENT_MAX_IN_FLIGHT,
      pollMs: config.SETTLEMENT_POLL_MS,
      onProblem,
    });
    const revoke = new RevokeRefused(parts.payments, parts.operations, onProblem);
    this.upkeep = new PaymentUpkeep(parts.payments, parts.recover, revoke, new WatchReorgs(store, chain), { onProblem });
  }

  onApplicationBootstrap(): void {
    this.loop.start();
    this.upkeep.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all([this.loop.stop(), this.upkeep.stop()]);
  }
}
