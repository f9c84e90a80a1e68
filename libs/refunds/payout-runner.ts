import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import type { Config } from '@tollbox/platform/config/config';
import type { PhaseObserver } from '@tollbox/platform/faults/phase-boundaries';
import { PayOut } from './application/pay-out';
import { PayoutLoop } from './application/payout-loop';
import type { PayoutStore } from './application/ports/payout-store';
import type { RefundWallet } from './application/ports/refund-wallet';
import { ResolvePayouts } from './application/resolve-payouts';

export interface PayoutParts {
  readonly config: Config;
  readonly store: PayoutStore;
  readonly wallet: RefundWallet;
  readonly phases: PhaseObserver;
  readonly leaseHolder: string;
  readonly onProblem: (error: unknown, what: string) => void;
}

/** Composes the payout of refunds and runs it for the life of the process. */
export class PayoutRunner implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly loop: PayoutLoop;

  constructor({ config, store, wallet, phases, leaseHolder, onProblem }: PayoutParts) {
    const payOut = new PayOut(store, wallet, {
      maxFeePerGasWei: config.SETTLEMENT_MAX_FEE_PER_GAS_WEI,
      gasLimit: BigInt(config.REFUND_GAS_LIMIT),
      maxInFlight: config.REFUND_MAX_IN_FLIGHT,
      retryMs: config.REFUND_RETRY_MS,
      phases,
      onProblem,
    });
    const resolve = new ResolvePayouts(store, wallet, payOut, {
      finalDepth: config.REFUND_FINAL_DEPTH,
      rebroadcastAfterMs: config.REFUND_REBROADCAST_AFTER_MS,
      bumpAfterMs: config.REFUND_BUMP_AFTER_MS,
      unknownAfterMs: config.REFUND_UNKNOWN_AFTER_MS,
      dropAfterMs: config.REFUND_DROP_AFTER_MS,
      onProblem,
    });
    this.loop = new PayoutLoop(
      store,
      { payOut, resolve },
      {
        signer: wallet.address,
        leaseName: `refunds:${config.X402_NETWORK}:${wallet.address}`,
        leaseHolder,
        leaseMs: config.REFUND_LEASE_MS,
        pollMs: config.REFUND_POLL_MS,
        onProblem,
      },
    );
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }
}
