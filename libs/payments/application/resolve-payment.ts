import type { Payment } from '../domain/payment';
import type { AuthorizationUse, AuthorizedTransfer, EvmChain, MinedTransaction } from './ports/evm-chain';
import type { Verdict } from './ports/settlement-store';

/** Refusals that are about nonce, balance and time, on which the look at the chain has the last word. */
const CONTRADICTED = /used or canceled|exceeds balance|expired|not yet valid|no refusal/i;
/** What stands for the refusal where there is none: the look at the chain alone decides. */
export const NO_REFUSAL = 'no refusal';
/** A replaced chain can hold the use of a nonce in a block below the one that the claim was read at. */
const REORG_DEPTH_BLOCKS = 64n;

/**
 * What the chain shows of a payment, and nothing else. Anybody may submit an authorization, so a failed transaction of
 * ours does not mean that no money came. Null: the outcome stays open for now.
 */
export class ResolvePayment {
  constructor(private readonly chain: EvmChain) {}

  /** The transaction that carried the payment is in a block. */
  async fromMined(payment: Payment, hash: `0x${string}`, mined: MinedTransaction, wasAlone: boolean): Promise<Verdict | null> {
    const moved = mined.transfers.some((transfer) => pays(payment, transfer));
    if (moved) {
      const inclusion = { transactionHash: hash, blockNumber: mined.blockNumber, blockHash: mined.blockHash };
      return { payment, to: 'settled', inclusion };
    }
    if (wasAlone) return this.fromRefusal(payment, 'the transaction moved no money', mined.blockNumber);
    // In company something else may have spoiled it: what the chain does not refuse for good is tried again.
    const proof = await this.prove(payment, mined.blockNumber);
    return proof === 'nothing' ? { payment, to: 'queued', reason: 'moved_no_money' } : proof;
  }

  /**
   * Ends a payment that the chain refused with `refusal`, when one look at the chain proves it: expired when its time is
   * over, else failed. Nodes lag behind each other, so a look from before the claim (or before `atLeastBlock`) proves
   * nothing, and a refusal that contradicts the look is asked for again later. Money that came all the same is seen by
   * its event, whatever the state says.
   */
  async fromRefusal(payment: Payment, refusal: string, atLeastBlock = 0n): Promise<Verdict | null> {
    const proof = await this.prove(payment, atLeastBlock);
    if (proof !== 'nothing') return proof;
    return CONTRADICTED.test(refusal) ? null : { payment, to: 'failed', reason: refusal };
  }

  /** Null when the node knows that the nonce is used and shows no event of it yet. */
  async fromUsedNonce(payment: Payment): Promise<Verdict | null> {
    const use = await this.findUse(payment);
    return use === null ? null : verdictOf(payment, use);
  }

  /**
   * A payment whose transaction can no longer be mined, because its nonce was used by `atLeastBlock`: what the chain
   * shows there or later, else the queue again. A node that is behind could have us send the authorization twice.
   */
  async fromDisplaced(payment: Payment, atLeastBlock: bigint): Promise<Verdict | null> {
    const { payer, nonce } = payment.key;
    const used = await this.fromUsedNonce(payment);
    if (used !== null) return used;
    const snapshot = await this.chain.payerSnapshot(payer, [nonce]);
    if (snapshot.blockNumber < atLeastBlock || snapshot.used.get(nonce) === true) return null;
    return { payment, to: 'queued', reason: 'transaction_displaced' };
  }

  /** Ends a payment that can no longer be mined: its time is over and its nonce is not used. */
  async ifOver(payment: Payment): Promise<Verdict | null> {
    if (payment.authorization.validBefore * 1000n > BigInt(Date.now())) return null;
    return this.fromRefusal(payment, NO_REFUSAL);
  }

  private findUse({ key, claimedAtBlock }: Payment): Promise<AuthorizationUse | null> {
    const fromBlock = claimedAtBlock > REORG_DEPTH_BLOCKS ? claimedAtBlock - REORG_DEPTH_BLOCKS : 0n;
    return this.chain.findAuthorizationUse(key.payer, key.nonce, fromBlock);
  }

  private async prove(payment: Payment, atLeastBlock: bigint): Promise<Verdict | 'nothing' | null> {
    const { payer, nonce } = payment.key;
    const { valueAtomic, validBefore } = payment.authorization;
    const use = await this.findUse(payment);
    if (use !== null) return verdictOf(payment, use);
    const snapshot = await this.chain.payerSnapshot(payer, [nonce]);
    if (snapshot.blockNumber < payment.claimedAtBlock || snapshot.blockNumber < atLeastBlock) return null;
    if (snapshot.used.get(nonce) === true) return null;
    if (validBefore <= snapshot.blockTimestampS) return { payment, to: 'expired', reason: 'the authorization expired' };
    if (snapshot.balanceAtomic < valueAtomic) return { payment, to: 'failed', reason: 'insufficient_funds' };
    return 'nothing';
  }
}

function verdictOf(payment: Payment, use: AuthorizationUse): Verdict {
  if (use.kind === 'canceled') return { payment, to: 'failed', reason: 'authorization_canceled' };
  if (transferPays(payment, use)) return { payment, to: 'settled', inclusion: use };
  return { payment, to: 'failed', reason: 'authorization_used_elsewhere' };
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
