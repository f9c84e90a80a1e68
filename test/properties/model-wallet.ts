import { ChainUnavailableError, type FeeQuote, type MinedTransaction } from '@tollbox/payments/application/ports/evm-chain';
import type {
  KeyLook,
  SettlementWallet,
  SignedTransaction,
  SimulatedBatch,
  Transfer,
} from '@tollbox/payments/application/ports/settlement-wallet';
import type { Hex } from '@tollbox/payments/domain/networks';
import type { ModelChain, ModelTransaction } from './model-chain';

const PRIORITY_FEE_WEI = 1n;

/** What bytes stand for. Signing is a pure act: bytes that were stored outlive the process that signed them. */
export class Signatures {
  private readonly byRaw = new Map<Hex, ModelTransaction>();

  sign(transaction: ModelTransaction): SignedTransaction {
    const raw: Hex = `0x02${transaction.hash.slice(2)}`;
    this.byRaw.set(raw, transaction);
    return { raw, hash: transaction.hash, gasLimit: 100_000n, fees: transaction.fees };
  }

  read(raw: Hex): ModelTransaction {
    const transaction = this.byRaw.get(raw);
    if (transaction === undefined) throw new Error(`no transaction was signed as ${raw}`);
    return transaction;
  }
}

/** A signing key on the model chain. */
export class ModelWallet implements SettlementWallet {
  constructor(
    readonly address: Hex,
    private readonly chain: ModelChain,
    private readonly signatures: Signatures,
    private readonly gas: { priceWei: bigint },
  ) {}

  private lookNow(): KeyLook {
    const fees = { maxFeePerGasWei: this.gas.priceWei, maxPriorityFeePerGasWei: PRIORITY_FEE_WEI };
    return {
      fees,
      blockNumber: this.chain.head.number,
      minedNonce: this.chain.minedNonce(this.address),
      pendingNonce: this.chain.pendingNonce(this.address),
    };
  }

  look(): Promise<KeyLook> {
    return Promise.resolve(this.lookNow());
  }

  simulate(transfers: readonly Transfer[]): Promise<SimulatedBatch> {
    const outlooks = this.chain.outlooks(transfers.map(({ authorization }) => authorization));
    return Promise.resolve({
      look: this.lookNow(),
      withCode: [],
      outlooks: outlooks.map((kind) =>
        kind === 'refused' ? { kind, reason: 'ERC20: transfer amount exceeds balance' } : { kind },
      ),
    });
  }

  signTransfers(transfers: readonly Transfer[], evmNonce: bigint, fees: FeeQuote): Promise<SignedTransaction> {
    return Promise.resolve(
      this.sign(
        evmNonce,
        fees,
        transfers.map(({ authorization }) => authorization),
      ),
    );
  }

  signReplacement(raw: Hex, fees: FeeQuote): Promise<SignedTransaction> {
    const { nonce, transfers } = this.signatures.read(raw);
    return Promise.resolve(this.sign(nonce, fees, transfers));
  }

  signFiller(evmNonce: bigint, fees: FeeQuote): Promise<SignedTransaction> {
    return Promise.resolve(this.sign(evmNonce, fees, []));
  }

  private sign(nonce: bigint, fees: FeeQuote, transfers: ModelTransaction['transfers']): SignedTransaction {
    return this.signatures.sign({ hash: this.chain.newHash(), sender: this.address, nonce, fees, transfers });
  }

  /** A nonce below the next one is not known yet; the node keeps the transaction until it is. */
  send(raws: readonly Hex[]): Promise<void> {
    for (const raw of raws) this.chain.submit(this.signatures.read(raw));
    return Promise.resolve();
  }

  receipts(hashes: readonly Hex[]): Promise<readonly (MinedTransaction | null)[]> {
    return Promise.resolve(hashes.map((hash) => this.chain.mined(hash)));
  }

  isAnyInBlock(hashes: readonly Hex[]): Promise<boolean> {
    return Promise.resolve(hashes.some((hash) => this.chain.mined(hash) !== null));
  }
}

export const chainFailure = (label: string): Error => new ChainUnavailableError(`${label}: the node does not answer`);
