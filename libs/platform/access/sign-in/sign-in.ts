import { Inject, Injectable, Optional } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { CLOCK, type Clock } from '../../clock/clock';
import { RANDOM, type Random } from '../../clock/random';
import { CONFIG, type Config } from '../../config/config';
import { networkOf } from '../../config/networks';
import { pathAndQuery, signInOrigin, type CalledUnder } from '../../http/public-url';
import type { Wallet } from '../../operations/operation';
import { infoOf, signInExtension, signInMessage, type SignInChallenge } from './sign-in-message';
import { SignInNonces } from './sign-in-nonces';
import { decodeProof, problemOfProof, type ProofProblem } from './sign-in-proof';

/** Whether a wallet signed a text (EIP-191; EIP-1271 for accounts with code). Implemented by payments, which knows the chain. */
export interface WalletSignatures {
  verify(wallet: Wallet, message: string, signature: `0x${string}`): Promise<boolean>;
}

/** Nest's injection token of WalletSignatures. */
export const WALLET_SIGNATURES = Symbol('WalletSignatures');

export type SignInResult =
  { readonly ok: true; readonly wallet: Wallet } | { readonly ok: false; readonly problem: ProofProblem };
export type SignInRequest = CalledUnder & Pick<FastifyRequest, 'method' | 'url'>;

const NONCE_BYTES = 16;
const refused = (problem: ProofProblem): SignInResult => ({ ok: false, problem });

/**
 * The x402 extension `sign-in-with-x` (CAIP-122): a wallet shows that it is who it says by signing a challenge of this
 * server, which is good for one request, once, for five minutes.
 */
@Injectable()
export class SignIn {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(RANDOM) private readonly random: Random,
    @Optional() @Inject(WALLET_SIGNATURES) private readonly signatures: WalletSignatures | undefined,
    private readonly nonces: SignInNonces,
  ) {}

  /** A fresh challenge for this request, as the `extensions` object of the answer. */
  async challenge(request: SignInRequest): Promise<ReturnType<typeof signInExtension>> {
    const challenge: SignInChallenge = {
      nonce: this.random.bytes(NONCE_BYTES).toString('hex'),
      method: request.method,
      uri: this.uriOf(request),
      issuedAtMs: this.clock.nowMs(),
    };
    await this.nonces.store(challenge);
    return signInExtension(challenge, this.chainId);
  }

  async verify(header: string, request: SignInRequest): Promise<SignInResult> {
    if (this.signatures === undefined) throw new Error('nobody in this process can check the signature of a wallet');
    const proof = decodeProof(header);
    if (proof === undefined) return refused('SIGN-IN-WITH-X is not base64(JSON) of a proof');
    const challenge = await this.nonces.find(proof.nonce, this.clock.nowMs());
    if (challenge === undefined) return refused('nonce is unknown, used or expired');
    if (challenge.method !== request.method || challenge.uri !== this.uriOf(request))
      return refused('the challenge is for another request');
    const problem = problemOfProof(proof, challenge, this.chainId);
    if (problem !== undefined) return refused(problem);
    const wallet = proof.address.toLowerCase() as `0x${string}`;
    const message = signInMessage(infoOf(challenge), wallet, proof.chainId);
    const signed = await this.signatures.verify(wallet, message, proof.signature.toLowerCase() as `0x${string}`);
    if (!signed) return refused('signature is not that of address');
    return (await this.nonces.use(proof.nonce)) ? { ok: true, wallet } : refused('nonce is unknown, used or expired');
  }

  private get chainId(): string {
    return networkOf(this.config).caip2;
  }

  private uriOf(request: SignInRequest): string {
    return `${signInOrigin(this.config, request)}${pathAndQuery(request.url)}`;
  }
}
