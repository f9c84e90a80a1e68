import type { Payment } from '../domain/payment';
import type { AuthorizationUse, AuthorizedTransfer, EvmChain, MinedTransaction } from './ports/evm-chain';
import type { Inclusion, SettlementStore } from './ports/settlement-store';

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
    return this.fromChainState(payment, 'the transaction moved no money');
  }

  /**
   * The nonce of the authorization is used: settled when its money came to us, failed when it was canceled or spent
   * elsewhere. Not used: expired when its time is over, else failed for the reason given.
   */
  async fromChainState(payment: Payment, refusal: string): Promise<boolean> {
    const { payer, nonce } = payment.key;
    const snapshot = await this.chain.payerSnapshot(payer, [nonce]);
    if (snapshot.used.get(nonce) === true) return this.fromUsedNonce(payment);
    if (payment.authorization.validBefore <= snapshot.blockTimestampS)
      return this.store.expire(payment, 'the authorization expired');
    const reason = snapshot.balanceAtomic < payment.authorization.valueAtomic ? 'insufficient_funds' : refusal;
    return this.store.fail(payment, reason);
  }

  /** False when the node knows that the nonce is used and shows no event of it yet. */
  async fromUsedNonce(payment: Payment): Promise<boolean> {
    const use = await this.chain.findAuthorizationUse(payment.key.payer, payment.key.nonce, payment.claimedAtBlock);
    if (use === null) return false;
    if (use.kind === 'canceled') return this.store.fail(payment, 'authorization_canceled');
    return transferPays(payment, use) ? this.settle(payment, use) : this.store.fail(payment, 'authorization_used_elsewhere');
  }

  /** Ends a payment that can no longer be mined: its time is over and its nonce is not used. */
  async expireIfOver(payment: Payment): Promise<void> {
    if (payment.authorization.validBefore * 1000n > BigInt(Date.now())) return;
    const { payer, nonce } = payment.key;
    const snapshot = await this.chain.payerSnapshot(payer, [nonce]);
    if (snapshot.used.get(nonce) === true) await this.fromUsedNonce(payment);
    else if (payment.authorization.validBefore <= snapshot.blockTimestampS)
      await this.store.expire(payment, 'the authorization expired');
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
