import { randomBytes } from 'node:crypto';
import { parseSignature } from 'viem';
import { privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts';
import type { Authorization } from '@tollbox/payments/domain/authorization';
import type { Hex, Network } from '@tollbox/payments/domain/networks';

export const TRANSFER_TYPES = {
  TransferWithAuthorization: [
    { name: 'from', type: 'address' },
    { name: 'to', type: 'address' },
    { name: 'value', type: 'uint256' },
    { name: 'validAfter', type: 'uint256' },
    { name: 'validBefore', type: 'uint256' },
    { name: 'nonce', type: 'bytes32' },
  ],
} as const;

export interface SignOptions {
  readonly network: Network;
  readonly payer: PrivateKeyAccount;
  readonly payTo: Hex;
  readonly amountAtomic: bigint;
  /** Whose money: the payer's own address unless a contract wallet is named. */
  readonly from?: Hex;
  readonly validAfter?: bigint;
  readonly validBefore?: bigint;
  readonly nonce?: Hex;
}

export const randomNonce = (): Hex => `0x${randomBytes(32).toString('hex')}`;

/** Signs an authorization as any wallet does, with viem. */
export async function signAuthorization(options: SignOptions): Promise<{ authorization: Authorization; signature: Hex }> {
  const nowS = BigInt(Math.floor(Date.now() / 1000));
  const authorization: Authorization = {
    from: (options.from ?? options.payer.address).toLowerCase() as Hex,
    to: options.payTo.toLowerCase() as Hex,
    valueAtomic: options.amountAtomic,
    validAfter: options.validAfter ?? nowS - 600n,
    validBefore: options.validBefore ?? nowS + 300n,
    nonce: options.nonce ?? randomNonce(),
  };
  const { valueAtomic, ...rest } = authorization;
  const signature = await options.payer.signTypedData({
    domain: { ...options.network.usdcDomain, chainId: options.network.chainId, verifyingContract: options.network.usdc },
    types: TRANSFER_TYPES,
    primaryType: 'TransferWithAuthorization',
    message: { ...rest, value: valueAtomic },
  });
  return { authorization, signature };
}

const CANCEL_TYPES = {
  CancelAuthorization: [
    { name: 'authorizer', type: 'address' },
    { name: 'nonce', type: 'bytes32' },
  ],
} as const;

/** What USDC's `cancelAuthorization` takes of the payer. */
export async function signCancellation(network: Network, payer: PrivateKeyAccount, nonce: Hex) {
  const signature = await payer.signTypedData({
    domain: { ...network.usdcDomain, chainId: network.chainId, verifyingContract: network.usdc },
    types: CANCEL_TYPES,
    primaryType: 'CancelAuthorization',
    message: { authorizer: payer.address, nonce },
  });
  return parseSignature(signature);
}

const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value), 'utf8').toString('base64');

export function wirePayload(authorization: Authorization, signature: Hex) {
  return {
    signature,
    authorization: {
      from: authorization.from,
      to: authorization.to,
      value: authorization.valueAtomic.toString(),
      validAfter: authorization.validAfter.toString(),
      validBefore: authorization.validBefore.toString(),
      nonce: authorization.nonce,
    },
  };
}

/** X-PAYMENT of x402 v1. */
export function v1Header(network: Network, authorization: Authorization, signature: Hex): string {
  return base64({ x402Version: 1, scheme: 'exact', network: network.name, payload: wirePayload(authorization, signature) });
}

/** PAYMENT-SIGNATURE of x402 v2. */
export function v2Header(
  network: Network,
  authorization: Authorization,
  signature: Hex,
  amountAtomic = authorization.valueAtomic,
  paymentIdentifier?: string,
): string {
  return base64({
    x402Version: 2,
    resource: { url: 'http://seller.example/' },
    accepted: {
      scheme: 'exact',
      network: network.caip2,
      amount: amountAtomic.toString(),
      asset: network.usdc,
      payTo: authorization.to,
      maxTimeoutSeconds: 300,
      extra: network.usdcDomain,
    },
    payload: wirePayload(authorization, signature),
    extensions: {
      'builder-code': { info: { s: ['blockrun'] } },
      ...(paymentIdentifier === undefined ? {} : { 'payment-identifier': { info: { required: false, id: paymentIdentifier } } }),
    },
  });
}

export const accountOf = (privateKey: Hex): PrivateKeyAccount => privateKeyToAccount(privateKey);
