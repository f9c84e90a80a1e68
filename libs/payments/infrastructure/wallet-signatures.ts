import { hashMessage } from 'viem';
import type { WalletSignatures } from '@tollbox/platform/access/sign-in/sign-in';
import { chainUnavailable } from '../application/claim-payment';
import type { EvmChain } from '../application/ports/evm-chain';
import type { SignatureRecovery } from '../application/ports/signature-recovery';
import { addressOfPublicKey, parseSignature } from '../domain/eip3009';
import type { Hex } from '../domain/networks';

/** As payments are checked: an account without code by its key, an account with code by EIP-1271 only. */
export class ChainWalletSignatures implements WalletSignatures {
  constructor(
    private readonly chain: EvmChain,
    private readonly recovery: SignatureRecovery,
  ) {}

  async verify(wallet: string, message: string, signature: Hex): Promise<boolean> {
    try {
      return await this.isSigned(wallet as Hex, message, signature);
    } catch (error) {
      throw chainUnavailable(error) ?? error;
    }
  }

  private async isSigned(account: Hex, message: string, signature: Hex): Promise<boolean> {
    const digest = hashMessage(message, 'bytes');
    if (await this.chain.hasCode(account)) return this.chain.isValidContractSignature(account, digest, signature);
    const compact = parseSignature(signature);
    const publicKey = compact === null ? null : this.recovery.recover(digest, compact);
    return publicKey !== null && addressOfPublicKey(publicKey) === account;
  }
}
