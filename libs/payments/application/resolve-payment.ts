import type { Payment } from '../domain/payment';
import type { AuthorizationUse, AuthorizedTransfer, EvmChain, MinedTransaction } from './ports/evm-chain';
import type { Inclusion, SettlementStore } from './ports/settlement-store';

/** Refusals that are about nonce, balance and time, on which the look at the chain has the last word. */
const CONTRADICTED = /used or canceled|exceeds balance|expired|not yet valid|no refusal/i;
const STILL_OPEN = 'no refusal';

/**
 * Decides a payment from what the chain shows, and from nothing else. Anybody may submit an authorization, so a failed
 * transaction of ours does not mean that no money came.
 */
export class ResolvePayment {
  constructor(
    private readonly store: SettlementStore,
    private readonly chain: EvmChain,
  ) {}

  /** The transaction that carried the payment is in a block. False when the chain leaves the outcome open for now. */
  async fromMined(payment: Payment, hash: `0x${string}`, mined: MinedTransaction): Promise<boolean> {
    const moved = mined.transfers.some((transfer) => pays(payment, transfer));
    if (moved) return this.settle(payment, { transactionHash: hash, blockNumber: mined.blockNumber, blockHash: mined.blockHash });
    return this.fromRefusal(payment, 'the transaction moved no money', mined.blockNumber);
  }

  /**
   * Ends a payment that the chain refused with `refusal`, when one look at the chain proves it: expired when its time is
   * over, else failed. Nodes lag behind each other, so a look from before the claim (or before `atLeastBlock`) proves
   * nothing, and a refusal that contradicts the look is asked for again later. Money that came all the same is seen by
   * its event, whatever the state says.
   * @returns false when the outcome stays open for now
   */
  async fromRefusal(payment: Payment, refusal: string, atLeastBlock = 0n): Promise<boolean> {
    const { payer, nonce } = payment.key;
    const { valueAtomic, validBefore } = payment.authorization;
    const use = await this.chain.findAuthorizationUse(payer, nonce, payment.claimedAtBlock);
    if (use !== null) return this.fromUse(payment, use);
    const snapshot = await this.chain.payerSnapshot(payer, [nonce]);
    if (snapshot.blockNumber < payment.claimedAtBlock || snapshot.blockNumber < atLeastBlock) return false;
    if (snapshot.used.get(nonce) === true) return false;
    if (validBefore <= snapshot.blockTimestampS) return this.store.expire(payment, 'the authorization expired');
    if (snapshot.balanceAtomic < valueAtomic) return this.store.fail(payment, 'insufficient_funds');
    if (CONTRADICTED.test(refusal)) return false;
    return this.store.fail(payment, refusal);
  }

  /** False when the node knows that the nonce is used and shows no event of it yet. */
  async fromUsedNonce(payment: Payment): Promise<boolean> {
    const use = await this.chain.findAuthorizationUse(payment.key.payer, payment.key.nonce, payment.claimedAtBlock);
    return use === null ? false : this.fromUse(payment, use);
  }

  private async fromUse(payment: Payment, use: AuthorizationUse): Promise<boolean> {
    if (use.kind === 'canceled') return this.store.fail(payment, 'authorization_canceled');
    return transferPays(payment, use) ? this.settle(payment, use) : this.store.fail(payment, 'authorization_used_elsewhere');
  }

  /** Ends a payment that can no longer be mined: its time is over and its nonce is not used. */
  async expireIfOver(payment: Payment): Promise<void> {
    if (payment.authorization.validBefore * 1000n <= BigInt(Date.now())) await this.fromRefusal(payment, STILL_OPEN);
  }

  private settle(payment: Payment, inclusion: Inclusion): Promise<boolean> {
    return this.store.settle(payment, inclusion);
  }
}

function pays(payment: Payment, transfer: AuthorizedTransfer): boolean {
  const { from, nonce, to, valueAtomic } = payment.authorization;
  return transfer.authorizer === from && transfer.nonce === nonce && transfer.to === to && transfer.valueAtomic === valueAtomic;
}

/** A payer can sign two authorizations with one nonce; only the one that pays us counts. */
function transferPays(payment: Payment, use: AuthorizationUse): boolean {
  const { to, valueAtomic } = payment.authorization;
  return use.transfer?.to === to && use.transfer.valueAtomic === valueAtomic;
}
