import type {
  AuthorizationUse,
  EvmChain,
  MinedTransaction,
  PayerSnapshot,
  Simulation,
} from '@tollbox/payments/application/ports/evm-chain';
import type { Authorization } from '@tollbox/payments/domain/authorization';
import type { Hex } from '@tollbox/payments/domain/networks';
import type { ModelChain } from './model-chain';

/** What the payment core reads of the chain. All accounts are without code. */
export class ModelReads implements Pick<
  EvmChain,
  'payerSnapshot' | 'simulateTransfer' | 'findAuthorizationUse' | 'minedTransaction' | 'blockHash' | 'latestBlockNumber'
> {
  constructor(private readonly chain: ModelChain) {}

  payerSnapshot(payer: Hex, nonces: readonly Hex[]): Promise<PayerSnapshot> {
    const { number: blockNumber, timestampS: blockTimestampS } = this.chain.head;
    const used = new Map(nonces.map((nonce) => [nonce, this.chain.use(payer, nonce) !== null]));
    return Promise.resolve({ blockNumber, blockTimestampS, balanceAtomic: this.chain.balanceOf(payer), used });
  }

  simulateTransfer(authorization: Authorization): Promise<Simulation> {
    const [outlook] = this.chain.outlooks([authorization]);
    if (outlook === 'payable') return Promise.resolve({ kind: 'ok', reason: '' });
    const reason = outlook === 'used' ? 'authorization is used or canceled' : 'transfer amount exceeds balance';
    return Promise.resolve({ kind: 'reverted', reason });
  }

  findAuthorizationUse(payer: Hex, nonce: Hex, fromBlock: bigint): Promise<AuthorizationUse | null> {
    const use = this.chain.use(payer, nonce);
    return Promise.resolve(use !== null && use.blockNumber >= fromBlock ? use : null);
  }

  minedTransaction(hash: Hex): Promise<MinedTransaction | null> {
    return Promise.resolve(this.chain.mined(hash));
  }

  blockHash(blockNumber: bigint): Promise<Hex | null> {
    return Promise.resolve(this.chain.block(blockNumber)?.hash ?? null);
  }

  latestBlockNumber(): Promise<bigint> {
    return Promise.resolve(this.chain.head.number);
  }
}
