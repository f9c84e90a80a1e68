import { randomBytes } from 'node:crypto';
import { generatePrivateKey, privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts';
import type { Chain } from '@tollbox/devstack/chain';
import { NETWORKS } from '@tollbox/platform/config/networks';
import type { HttpAnswer, HttpClient } from './http-client';

export type PaidOperation = 'create' | 'exec' | 'status';

const NETWORK = NETWORKS['base-sepolia'];
const VALID_FOR_S = 300;
const BALANCE_ATOMIC = 10_000_000n; // 10 USDC
const PATH = '/api/v1/modal/sandbox';

const TRANSFER_WITH_AUTHORIZATION = [
  { name: 'from', type: 'address' },
  { name: 'to', type: 'address' },
  { name: 'value', type: 'uint256' },
  { name: 'validAfter', type: 'uint256' },
  { name: 'validBefore', type: 'uint256' },
  { name: 'nonce', type: 'bytes32' },
] as const;

/** A paid request whose payment is signed already. */
export interface SignedRequest {
  readonly path: string;
  readonly body: Buffer;
  readonly header: string;
  readonly priceAtomic: bigint;
}

/** New wallets, each with 10 USDC. */
export async function fundedWallets(chain: Chain, count: number): Promise<PrivateKeyAccount[]> {
  const wallets = Array.from({ length: count }, () => privateKeyToAccount(generatePrivateKey()));
  for (const wallet of wallets) await chain.mint(wallet.address, BALANCE_ATOMIC); // one account mints: one after another
  return wallets;
}

/** Pays calls and remembers what it was charged for them. */
export class Buyers {
  private answered = 0;
  private charged = 0n;

  constructor(
    private readonly http: HttpClient,
    private readonly payTo: `0x${string}`,
    private readonly pricesAtomic: Readonly<Record<PaidOperation, bigint>>,
  ) {}

  /** Paid calls that were answered with 200. */
  get answeredCalls(): number {
    return this.answered;
  }

  /** What those calls cost together. */
  get chargedAtomic(): bigint {
    return this.charged;
  }

  async sign(wallet: PrivateKeyAccount, operation: PaidOperation, body: unknown): Promise<SignedRequest> {
    const priceAtomic = this.pricesAtomic[operation];
    const nowS = Math.floor(Date.now() / 1_000);
    const message = {
      from: wallet.address,
      to: this.payTo,
      value: priceAtomic,
      validAfter: BigInt(nowS - 600),
      validBefore: BigInt(nowS + VALID_FOR_S),
      nonce: `0x${randomBytes(32).toString('hex')}` as const,
    };
    const signature = await wallet.signTypedData({
      domain: { ...NETWORK.usdcDomain, chainId: NETWORK.chainId, verifyingContract: NETWORK.usdc },
      types: { TransferWithAuthorization: TRANSFER_WITH_AUTHORIZATION },
      primaryType: 'TransferWithAuthorization',
      message,
    });
    const authorization = Object.fromEntries(Object.entries(message).map(([name, value]) => [name, value.toString()]));
    const accepted = {
      scheme: 'exact',
      network: NETWORK.caip2,
      amount: priceAtomic.toString(),
      asset: NETWORK.usdc,
      payTo: this.payTo,
      maxTimeoutSeconds: VALID_FOR_S,
      extra: NETWORK.usdcDomain,
    };
    const payment = { x402Version: 2, accepted, payload: { signature, authorization } };
    return {
      path: `${PATH}/${operation}`,
      body: Buffer.from(JSON.stringify(body), 'utf8'),
      header: Buffer.from(JSON.stringify(payment), 'utf8').toString('base64'),
      priceAtomic,
    };
  }

  /** Sends a signed request; rejects unless the answer is a 200. */
  async pay(request: SignedRequest): Promise<HttpAnswer> {
    const answer = await this.http.post(request.path, request.body, { 'payment-signature': request.header });
    if (answer.status !== 200)
      throw new Error(`a paid ${request.path} was answered with ${answer.status}: ${answer.body.toString('utf8')}`);
    this.answered += 1;
    this.charged += request.priceAtomic;
    return answer;
  }
}
