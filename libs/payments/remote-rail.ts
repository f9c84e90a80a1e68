import type { Config } from '@tollbox/platform/config/config';
import type { PhaseObserver } from '@tollbox/platform/faults/phase-boundaries';
import { AskFacilitator } from './application/ask-facilitator';
import { FacilitatorRail } from './application/facilitator-rail';
import { LookAtTransfer } from './application/look-at-transfer';
import type { Facilitator, FacilitatorStore } from './application/ports/facilitator';
import type { EvmChain } from './application/ports/evm-chain';
import type { SettlementRail } from './application/ports/settlement-rail';
import type { SettlementStore } from './application/ports/settlement-store';
import { ResolvePayment } from './application/resolve-payment';
import { ResolveSubmission } from './application/resolve-submission';

/** A facilitator in place of signing keys. */
export interface RemoteSettlement {
  readonly facilitator: Facilitator;
  readonly store: FacilitatorStore;
}

export interface RemoteRailParts {
  readonly config: Config;
  readonly chain: EvmChain;
  readonly store: SettlementStore;
  readonly phases: PhaseObserver;
  readonly onProblem: (error: unknown, what: string) => void;
}

export function remoteRail(parts: RemoteRailParts, { facilitator, store }: RemoteSettlement): SettlementRail {
  const { config, chain, phases, onProblem, store: settlements } = parts;
  const resolve = new ResolvePayment(chain);
  const look = new LookAtTransfer(chain, config.PAY_TO, BigInt(config.SETTLEMENT_GAS_LIMIT));
  const unknownAfterMs = config.SETTLEMENT_UNKNOWN_AFTER_MS;
  const submissions = new ResolveSubmission(store, settlements, chain, resolve, look, unknownAfterMs);
  const asker = new AskFacilitator(facilitator, store, submissions, phases, onProblem);
  return new FacilitatorRail(
    { facilitator, store, settlements, resolve, submissions, look, asker, phases },
    {
      leaseName: `facilitator:${config.X402_NETWORK}`,
      maxConcurrent: config.FACILITATOR_MAX_CONCURRENT,
      askAgainAfterMs: Math.max(unknownAfterMs, config.FACILITATOR_TIMEOUT_MS),
      onProblem,
    },
  );
}
