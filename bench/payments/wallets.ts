import { createRequire } from 'node:module';
import { randomBytes } from 'node:crypto';
import { concatHex, encodeFunctionData, parseAbi, type Hex } from 'viem';
import { DEV_ACCOUNT_INDEX, devAccount, type Chain } from '@tollbox/devstack/chain';
import type { Authorization } from '@tollbox/payments/domain/authorization';
import { addressOfPublicKey, authorizationDigest, domainSeparator } from '@tollbox/payments/domain/eip3009';
import { NETWORKS } from '@tollbox/platform/config/networks';

// The native half only: the fallback of the package is slow enough to make signing what is measured.
const secp256k1 = createRequire(__filename)('secp256k1/bindings.js') as typeof import('secp256k1');

const NETWORK = NETWORKS['base-sepolia'];
const SEPARATOR = domainSeparator(NETWORK);
const BALANCE_ATOMIC = 1_000_000_000n; // 1,000 USDC
const BACKDATED_S = 600;
const MINT_ABI = parseAbi(['function mint(address to, uint256 amount)']);

export interface Payer {
  readonly key: Uint8Array;
  readonly address: Hex;
}

/** What a server asks for: the first of its `accepts`, to be sent back as it is. */
export interface Terms {
  readonly amount: string;
  readonly payTo: string;
  readonly maxTimeoutSeconds: number;
}

function newPayer(): Payer {
  let key = randomBytes(32);
  while (!secp256k1.privateKeyVerify(key)) key = randomBytes(32);
  return { key, address: addressOfPublicKey(secp256k1.publicKeyCreate(key, false)) };
}

/** New wallets with USDC; needs a chain that makes a block for every transaction. */
export async function fundedPayers(chain: Chain, count: number): Promise<Payer[]> {
  const payers = Array.from({ length: count }, newPayer);
  const from = devAccount(DEV_ACCOUNT_INDEX.minter).address;
  // One after the other: the node would give two that come at once the same nonce.
  for (const { address } of payers) {
    const data = encodeFunctionData({ abi: MINT_ABI, args: [address, BALANCE_ATOMIC] });
    await chain.rpc('eth_sendTransaction', [{ from, to: chain.usdc, gas: '0x30d40', data }]);
  }
  for (const { address } of payers)
    if ((await chain.balanceOf(address)) !== BALANCE_ATOMIC) throw new Error(`${address} was not funded`);
  return payers;
}

function sign({ key }: Payer, authorization: Authorization): Hex {
  const { signature, recid } = secp256k1.ecdsaSign(authorizationDigest(SEPARATOR, authorization), key);
  return concatHex([`0x${Buffer.from(signature).toString('hex')}`, recid === 0 ? '0x1b' : '0x1c']);
}

/** The value of a PAYMENT-SIGNATURE header that pays `terms` once. */
export function signPayment(payer: Payer, terms: Terms): string {
  const nowS = Math.floor(Date.now() / 1_000);
  const authorization: Authorization = {
    from: payer.address,
    to: terms.payTo.toLowerCase() as Hex,
    valueAtomic: BigInt(terms.amount),
    validAfter: BigInt(nowS - BACKDATED_S),
    validBefore: BigInt(nowS + terms.maxTimeoutSeconds),
    nonce: `0x${randomBytes(32).toString('hex')}`,
  };
  const { valueAtomic, validAfter, validBefore, ...rest } = authorization;
  const sent = { ...rest, value: `${valueAtomic}`, validAfter: `${validAfter}`, validBefore: `${validBefore}` };
  const payload = { signature: sign(payer, authorization), authorization: sent };
  return Buffer.from(JSON.stringify({ x402Version: 2, accepted: terms, payload }), 'utf8').toString('base64');
}
