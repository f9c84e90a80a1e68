/** What a run is about: three authorizations of two wallets, and what is asked for with them. */
import { NETWORKS, type Hex } from '@tollbox/payments/domain/networks';
import type { Authorization, PaymentPayload } from '@tollbox/payments/domain/authorization';
import type { Terms } from '@tollbox/payments/domain/terms';

export const NETWORK = NETWORKS['base-sepolia'];
export const PAY_TO: Hex = `0x${'90'.repeat(20)}`;
export const PRICE_ATOMIC = 1_000n;
export const START_MS = 1_800_000_000_000;

const wallet = (digit: string): Hex => `0x${digit.repeat(40)}`;
export const PAYERS = [wallet('a'), wallet('b')] as const;
export const SETTLERS = [wallet('5'), wallet('6')] as const;

export interface Purchase {
  readonly payload: PaymentPayload;
  readonly terms: Terms;
  readonly operationName: string;
}

interface PurchasePlan {
  readonly payer: Hex;
  readonly amountAtomic: bigint;
  readonly version: 1 | 2;
  readonly secondsLeft: bigint;
  readonly operationName: string;
}

/** One of them pays more than the price (v1), one has little time, one may be answered before it settles. */
const PLANS: readonly PurchasePlan[] = [
  { payer: PAYERS[0], amountAtomic: 1_000n, version: 2, secondsLeft: 600n, operationName: 'model.early' },
  { payer: PAYERS[0], amountAtomic: 1_300n, version: 1, secondsLeft: 90n, operationName: 'model.confirm' },
  { payer: PAYERS[1], amountAtomic: 1_000n, version: 2, secondsLeft: 400n, operationName: 'model.early' },
];

/** The first wallet cannot pay for both of its purchases and something more. */
export const BALANCES: ReadonlyMap<Hex, bigint> = new Map([
  [PAYERS[0], 2_500n],
  [PAYERS[1], 1_000n],
]);

export const PURCHASES: readonly Purchase[] = PLANS.map((plan, index) => {
  const nowS = BigInt(START_MS / 1000);
  const authorization: Authorization = {
    from: plan.payer,
    to: PAY_TO,
    valueAtomic: plan.amountAtomic,
    validAfter: nowS - 600n,
    validBefore: nowS + plan.secondsLeft,
    nonce: `0x${String(index + 1).padStart(64, '0')}`,
  };
  const isV2 = plan.version === 2;
  return {
    operationName: plan.operationName,
    payload: {
      x402Version: plan.version,
      scheme: 'exact',
      network: isV2 ? NETWORK.caip2 : NETWORK.name,
      accepted: isV2 ? { amount: plan.amountAtomic.toString(), asset: NETWORK.usdc, payTo: PAY_TO } : null,
      authorization,
      signature: '0x00',
      paymentIdentifier: null,
    },
    terms: {
      operation: plan.operationName,
      network: NETWORK,
      payTo: PAY_TO,
      priceAtomic: PRICE_ATOMIC,
      feeAtomic: 0n,
      priceListVersion: 1,
      maxTimeoutSeconds: 300,
      resourceUrl: 'http://seller.example/model',
      description: 'model',
    },
  };
});
