import type { Hex } from './networks';

/** An EIP-3009 `TransferWithAuthorization`, addresses and nonce in lower case. Times are UNIX seconds. */
export interface Authorization {
  readonly from: Hex;
  readonly to: Hex;
  readonly valueAtomic: bigint;
  readonly validAfter: bigint;
  readonly validBefore: bigint;
  readonly nonce: Hex;
}

/** An x402 payment, whichever protocol version carried it. */
export interface PaymentPayload {
  readonly x402Version: 1 | 2;
  readonly scheme: string;
  /** As sent: `base` in v1, `eip155:8453` in v2. */
  readonly network: string;
  /** v2 only: the requirement that the buyer says he pays. */
  readonly accepted: { readonly amount: string; readonly asset: string; readonly payTo: string } | null;
  readonly authorization: Authorization;
  readonly signature: Hex;
  /** The buyer's name for this request, of the extension `payment-identifier`. */
  readonly paymentIdentifier: string | null;
}

/** Why a payment is refused. `reason` is x402's code, `details` the text that BlockRun's buyers know. */
export interface Rejection {
  readonly reason: string;
  readonly details: string;
}

const reject = (reason: string, details: string): Rejection => ({ reason, details });

export const REJECTIONS = {
  version: reject('invalid_x402_version', 'Unsupported x402 version'),
  scheme: reject('unsupported_scheme', 'Unsupported scheme'),
  network: reject('invalid_network', 'Unsupported network'),
  requirements: reject('invalid_payment_requirements', 'Payment does not match the terms'),
  recipient: reject('invalid_exact_evm_payload_recipient_mismatch', 'Wrong recipient'),
  payer: reject('invalid_payload', 'This wallet cannot pay here'),
  value: reject('invalid_exact_evm_payload_authorization_value', 'Wrong amount'),
  valueMismatch: reject('invalid_exact_evm_payload_authorization_value_mismatch', 'Wrong amount'),
  validAfter: reject('invalid_exact_evm_payload_authorization_valid_after', 'Authorization not yet valid'),
  validBefore: reject('invalid_exact_evm_payload_authorization_valid_before', 'Authorization expired'),
  signature: reject('invalid_exact_evm_payload_signature', 'Invalid signature'),
  nonceUsed: reject('invalid_transaction_state', 'Authorization already used'),
  balance: reject('insufficient_funds', 'Insufficient balance'),
} as const;

export interface ExpectedTerms {
  readonly payTo: Hex;
  readonly asset: Hex;
  readonly priceAtomic: bigint;
  /** Wallets of the house; a payment from one of them would move no money in. */
  readonly houseWallets: readonly Hex[];
  /** The payment must stay valid at least this long from now. */
  readonly minTimeLeftMs: number;
  readonly nowMs: number;
}

const sameAddress = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

/**
 * Whether the authorization pays these terms now. v2 pays the exact amount, v1 at least the price. What the buyer
 * echoes beyond scheme, network, amount, asset and payTo is not looked at, since buyers rebuild it. The signature is
 * checked before, because a known payment is answered whatever the terms are now.
 */
export function rejectionOfTerms(payload: PaymentPayload, terms: ExpectedTerms): Rejection | null {
  const { authorization, accepted } = payload;
  if (!sameAddress(authorization.to, terms.payTo)) return REJECTIONS.recipient;
  if (
    sameAddress(authorization.from, terms.payTo) ||
    terms.houseWallets.some((wallet) => sameAddress(wallet, authorization.from))
  )
    return REJECTIONS.payer;
  if (payload.x402Version === 2) {
    if (accepted === null || !sameAddress(accepted.asset, terms.asset) || !sameAddress(accepted.payTo, terms.payTo))
      return REJECTIONS.requirements;
    if (accepted.amount !== terms.priceAtomic.toString()) return REJECTIONS.requirements;
    if (authorization.valueAtomic !== terms.priceAtomic) return REJECTIONS.valueMismatch;
  } else if (authorization.valueAtomic < terms.priceAtomic) return REJECTIONS.value;
  // The token demands block.timestamp > validAfter and block.timestamp < validBefore, both strictly.
  const nowS = BigInt(Math.floor(terms.nowMs / 1000));
  if (authorization.validAfter >= nowS) return REJECTIONS.validAfter;
  if (authorization.validBefore * 1000n < BigInt(terms.nowMs + terms.minTimeLeftMs)) return REJECTIONS.validBefore;
  return null;
}

/** Shortest remaining validity of a payment for an operation with this deadline (design 3.1, "Time left"). */
export function minTimeLeftMs(operationDeadlineMs: number): number {
  return Math.max(6_000, operationDeadlineMs + 20_000);
}

/** The window that is quoted to the buyer, in whole seconds. */
export function maxTimeoutSeconds(operationDeadlineMs: number): number {
  return Math.max(300, Math.ceil(operationDeadlineMs / 1000) + 60);
}
