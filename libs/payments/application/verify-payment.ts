import { REJECTIONS, type PaymentPayload, type Rejection } from '../domain/authorization';
import { addressOfPublicKey, authorizationDigest, domainSeparator, parseSignature } from '../domain/eip3009';
import type { Network } from '../domain/networks';
import type { PayerKind } from '../domain/payment';
import type { EvmChain } from './ports/evm-chain';
import type { SignatureRecovery } from './ports/signature-recovery';

export type VerifiedPayer =
  { readonly kind: 'verified'; readonly payerKind: PayerKind } | { readonly kind: 'rejected'; readonly rejection: Rejection };

const rejected = (rejection: Rejection): VerifiedPayer => ({ kind: 'rejected', rejection });

/**
 * Whether the payer signed this authorization for our chain and token. As USDC itself decides: an account without code
 * by ECDSA with a low s, an account with code by EIP-1271 only. Says nothing of price, time, balance or nonce.
 */
export class VerifyPayment {
  private readonly separator: Uint8Array;

  constructor(
    private readonly network: Network,
    private readonly chain: EvmChain,
    private readonly recovery: SignatureRecovery,
  ) {
    this.separator = domainSeparator(network);
  }

  async verify(payload: PaymentPayload): Promise<VerifiedPayer> {
    if (payload.scheme !== 'exact') return rejected(REJECTIONS.scheme);
    const expectedNetwork = payload.x402Version === 1 ? this.network.name : this.network.caip2;
    if (payload.network !== expectedNetwork) return rejected(REJECTIONS.network);

    const { authorization, signature } = payload;
    const digest = authorizationDigest(this.separator, authorization);
    if (await this.chain.hasCode(authorization.from)) {
      const valid = await this.chain.isValidContractSignature(authorization.from, digest, signature);
      return valid ? { kind: 'verified', payerKind: 'contract' } : rejected(REJECTIONS.signature);
    }
    const compact = parseSignature(signature);
    const publicKey = compact === null ? null : this.recovery.recover(digest, compact);
    if (publicKey === null || addressOfPublicKey(publicKey) !== authorization.from) return rejected(REJECTIONS.signature);
    return { kind: 'verified', payerKind: 'eoa' };
  }
}
