import type { Payment } from '../domain/payment';
import type { Hex } from '../domain/networks';
import type { EvmChain } from './ports/evm-chain';
import type { TransferOutlook } from './ports/settlement-wallet';

/** What the chain would make of a payment now, asked without a signing key. */
export class LookAtTransfer {
  constructor(
    private readonly chain: EvmChain,
    /** Anybody: the token does not look at who submits. */
    private readonly from: Hex,
    private readonly gasLimit: bigint,
  ) {}

  async outlook(payment: Payment): Promise<TransferOutlook> {
    const { payer, nonce } = payment.key;
    const as = {
      from: this.from,
      gasLimit: this.gasLimit,
      fees: { maxFeePerGasWei: 0n, maxPriorityFeePerGasWei: 0n },
    };
    const [snapshot, simulation] = await Promise.all([
      this.chain.payerSnapshot(payer, [nonce]),
      this.chain.simulateTransfer(payment.authorization, payment.signature, as),
    ]);
    if (snapshot.used.get(nonce) === true) return { kind: 'used' };
    return simulation.kind === 'ok' ? { kind: 'payable' } : { kind: 'refused', reason: simulation.reason };
  }
}
