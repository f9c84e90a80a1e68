import type { PrivateKeyAccount } from 'viem/accounts';
import { MULTICALL3, NETWORKS, type Hex } from '@tollbox/payments/domain/networks';
import { devPrivateKey } from '@tollbox/platform/config/dev-keys';
import { accountOf, signAuthorization, v1Header, v2Header, type SignOptions } from '../payments/sign';
import { NETWORK, PAY_TO, type SandboxCall } from './stack';
import { fromBase64Json, PRICE_ATOMIC } from './wire-shapes';

/** Who pays in the table. The payer has money and owns a sandbox, so that an accepted payment would do work. */
export interface BadHeaderContext {
  readonly payer: PrivateKeyAccount;
  /** Owner of `smartWallet`; has nothing of his own. */
  readonly poor: PrivateKeyAccount;
  readonly smartWallet: Hex;
  /** A nonce that the payer has canceled on the chain: all zeros. */
  readonly canceledNonce: Hex;
}

type Headers = Record<string, string>;
type Wire = Record<string, unknown>;

export interface BadHeaderRow {
  readonly name: string;
  readonly status: 400 | 402;
  readonly code: 'invalid_payment_header' | 'payment_rejected';
  /** x402's reason in a 402. */
  readonly reason?: string;
  /** Valid by itself, of a wallet without a sandbox: calls that name the payer's sandbox are 404. */
  readonly stranger?: boolean;
  headers(context: BadHeaderContext, call: SandboxCall): Promise<Headers> | Headers;
}

const UINT256_MAX = 2n ** 256n - 1n;
const SECP256K1_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const SOMEBODY: Hex = `0x${'5b'.repeat(20)}`;
const nowS = (): bigint => BigInt(Math.floor(Date.now() / 1000));
const base64 = (value: string | Buffer): string => Buffer.from(value).toString('base64');
const under = (version: 1 | 2, value: string): Headers => ({ [version === 1 ? 'X-PAYMENT' : 'PAYMENT-SIGNATURE']: value });

type Sign = Partial<SignOptions> | ((context: BadHeaderContext, call: SandboxCall) => Partial<SignOptions>);

/** A payment that is good unless `sign` says otherwise, as its JSON. */
async function payment(context: BadHeaderContext, call: SandboxCall, version: 1 | 2, sign: Sign = {}): Promise<Wire> {
  const amountAtomic = BigInt(PRICE_ATOMIC[call]);
  const options = typeof sign === 'function' ? sign(context, call) : sign;
  const signed = await signAuthorization({
    network: NETWORK,
    payer: context.payer,
    payTo: PAY_TO,
    amountAtomic,
    ...options,
  });
  const header =
    version === 1
      ? v1Header(NETWORK, signed.authorization, signed.signature)
      : v2Header(NETWORK, signed.authorization, signed.signature, amountAtomic);
  return fromBase64Json(header) as Wire;
}

export async function goodHeader(context: BadHeaderContext, call: SandboxCall, version: 1 | 2 = 2): Promise<Headers> {
  return under(version, base64(JSON.stringify(await payment(context, call, version))));
}

/** Sets, or with undefined removes, what is at `path` (`payload.authorization.from`). */
function setAt(target: Wire, path: string, value: unknown): void {
  const keys = path.split('.');
  const last = keys.pop()!;
  const parent = keys.reduce((node, key) => node[key] as Wire, target);
  if (value === undefined) Reflect.deleteProperty(parent, last);
  else parent[last] = value;
}

const malformed = { status: 400, code: 'invalid_payment_header' } as const;
const refused = (reason: string) => ({ status: 402, code: 'payment_rejected', reason }) as const;

const text = (name: string, value: string): BadHeaderRow => ({
  name: `header is ${name}`,
  ...malformed,
  headers: () => under(2, value),
});

const json = (value: string, verdict: Pick<BadHeaderRow, 'status' | 'code' | 'reason'> = malformed): BadHeaderRow => ({
  name: `header is base64 of ${value.length > 60 ? `${value.slice(0, 60)}...` : value}`,
  ...verdict,
  headers: () => under(2, base64(value)),
});

/** A good payment with one key changed after it was signed. */
function changed(
  path: string,
  value: unknown,
  verdict: Pick<BadHeaderRow, 'status' | 'code' | 'reason'> = malformed,
  version: 1 | 2 = 2,
): BadHeaderRow {
  const shown = value === undefined ? 'missing' : JSON.stringify(value);
  return {
    name: `v${version} ${path} is ${shown.length > 80 ? `${shown.slice(0, 80)}...` : shown}`,
    ...verdict,
    headers: async (context, call) => {
      const wire = await payment(context, call, version);
      setAt(wire, path, value);
      return under(version, base64(JSON.stringify(wire)));
    },
  };
}

/** A payment that is validly signed for the wrong thing. */
function signed(name: string, reason: string, sign: Sign, options: { version?: 1 | 2; stranger?: boolean } = {}): BadHeaderRow {
  const { version = 2, stranger = false } = options;
  return {
    name: `v${version} ${name}`,
    ...refused(reason),
    stranger,
    headers: async (context, call) => under(version, base64(JSON.stringify(await payment(context, call, version, sign)))),
  };
}

/** A good payment with another signature. */
function signature(name: string, change: (good: string) => string): BadHeaderRow {
  return {
    name: `signature ${name}`,
    ...refused('invalid_exact_evm_payload_signature'),
    headers: async (context, call) => {
      const wire = await payment(context, call, 2);
      const payload = wire['payload'] as { signature: string };
      payload.signature = change(payload.signature);
      return under(2, base64(JSON.stringify(wire)));
    },
  };
}

const word = (value: bigint): string => value.toString(16).padStart(64, '0');

/** The other signature of the same digest: s mirrored, v flipped. ecrecover takes it, USDC does not. */
function highS(good: string): string {
  const s = SECP256K1_ORDER - BigInt(`0x${good.slice(66, 130)}`);
  return `${good.slice(0, 66)}${word(s)}${good.endsWith('1b') ? '1c' : '1b'}`;
}

/** `abi.encode(factory, factoryCalldata, signature) ++ magic` of ERC-6492. */
function erc6492(good: string): string {
  const inner = good.slice(2);
  const padded = inner.padEnd(Math.ceil(inner.length / 64) * 64, '0');
  const head = [word(BigInt(SOMEBODY)), word(96n), word(128n), word(0n), word(BigInt(inner.length / 2))].join('');
  return `0x${head}${padded}${'6492'.repeat(16)}`;
}

const EXPIRED = 'invalid_exact_evm_payload_authorization_valid_before';
const EARLY = 'invalid_exact_evm_payload_authorization_valid_after';
const TERMS = 'invalid_payment_requirements';

const UNREADABLE: readonly BadHeaderRow[] = [
  text('not base64', '!!!!not-base64!!!!'),
  text('a word that happens to be base64', 'undefined'),
  text('one padding character', '='),
  text('JSON that nobody encoded', '{"x402Version":2}'),
  text('a bearer token', 'Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.AAAA'),
  text('percent-encoded base64', 'eyJ4NDAyVmVyc2lvbiI6Mn0%3D'),
  text('base64 of random bytes', base64(Buffer.from('00ff10fe20fd30fc', 'hex'))),
  text('base64 of UTF-16', base64(Buffer.from('{"x402Version":2}', 'utf16le'))),
  text('base64 of invalid UTF-8', base64(Buffer.from('7b22783430325665727369ff6f6e223a327d', 'hex'))),
  text('12,289 characters', 'A'.repeat(12_289)),
  ...['null', '1', '"text"', 'true', '[]', '{}', '\u{feff}{"x402Version":2}', '{"x402Version":NaN}', '{"x402Version":1e999}'].map(
    (value) => json(value),
  ),
  json('{"__proto__":{"x402Version":2}}'),
  json('{"constructor":{"prototype":{"x402Version":2}}}'),
  json('['.repeat(4_000)),
  json(`{"x402Version":2,"accepted":${'{"accepted":'.repeat(200)}1${'}'.repeat(201)}`),
  ...['"2"', 'null', 'true', '[2]', '{"valueOf":2}'].map((value) => json(`{"x402Version":${value}}`)),
  ...['0', '3', '-1', '1.5', '1e308'].map((value) => json(`{"x402Version":${value}}`, refused('invalid_x402_version'))),
  {
    name: 'header is a good payment cut in half',
    ...malformed,
    headers: async (context, call) => {
      const [good] = Object.values(await goodHeader(context, call));
      return under(2, good!.slice(0, good!.length / 2));
    },
  },
  {
    name: 'header is a good payment encoded twice',
    ...malformed,
    headers: async (context, call) => under(2, base64(Object.values(await goodHeader(context, call))[0]!)),
  },
];

const WRONG_TYPES: readonly BadHeaderRow[] = [
  changed('accepted', undefined),
  changed('accepted', null),
  changed('accepted', []),
  changed('accepted.amount', 1000),
  changed('accepted.asset', null),
  changed('accepted.payTo', ['0x']),
  changed('accepted.network', 84532),
  changed('accepted.scheme', undefined),
  changed('payload', undefined),
  changed('payload', 'text'),
  changed('payload.signature', undefined),
  changed('payload.signature', 7),
  changed('payload.signature', '0x'),
  changed('payload.signature', '0xabc'),
  changed('payload.signature', 'ab'.repeat(65)),
  changed('payload.signature', `0x${'Ä'.repeat(130)}`),
  changed('payload.authorization', null),
  changed('payload.authorization.from', `0x${'1'.repeat(39)}`),
  changed('payload.authorization.from', `0x${'1'.repeat(41)}`),
  changed('payload.authorization.from', `0x${'g'.repeat(40)}`),
  changed('payload.authorization.from', 'vitalik.eth'),
  changed('payload.authorization.to', 0),
  changed('payload.authorization.to', `${PAY_TO}\0`),
  ...[1000, '-1', '1.5', '1e3', '0x3e8', '', ' 1000', '1000\n', '１０００', 'NaN', 'Infinity', null, '9'.repeat(79)].map(
    (value) => changed('payload.authorization.value', value),
  ),
  changed('payload.authorization.value', (UINT256_MAX + 1n).toString()),
  changed('payload.authorization.validAfter', 0),
  changed('payload.authorization.validAfter', '-600'),
  changed('payload.authorization.validBefore', Number.MAX_SAFE_INTEGER),
  changed('payload.authorization.validBefore', '2030-01-01T00:00:00Z'),
  changed('payload.authorization.nonce', `0x${'01'.repeat(31)}`),
  changed('payload.authorization.nonce', `0x${'01'.repeat(33)}`),
  changed('payload.authorization.nonce', 1),
  changed('payload.authorization.nonce', undefined),
  changed('scheme', undefined, malformed, 1),
  changed('network', 84532, malformed, 1),
  changed('payload.authorization.value', 1000, malformed, 1),
];

const WRONG_TERMS: readonly BadHeaderRow[] = [
  changed('accepted.scheme', 'upto', refused('unsupported_scheme')),
  changed('accepted.scheme', 'EXACT', refused('unsupported_scheme')),
  changed('accepted.network', 'base-sepolia', refused('invalid_network')),
  changed('accepted.network', 'eip155:8453', refused('invalid_network')),
  changed('accepted.network', 'eip155:84532\0', refused('invalid_network')),
  changed('accepted.network', '__proto__', refused('invalid_network')),
  changed('accepted.asset', NETWORKS.base.usdc, refused(TERMS)),
  changed('accepted.asset', '\u{1f4b8}', refused(TERMS)),
  changed('accepted.payTo', SOMEBODY, refused(TERMS)),
  changed('accepted.amount', '1', refused(TERMS)),
  changed('accepted.amount', '01000', refused(TERMS)),
  changed('accepted.amount', '9'.repeat(400), refused(TERMS)),
  changed('scheme', 'upto', refused('unsupported_scheme'), 1),
  changed('network', 'base', refused('invalid_network'), 1),
  changed('network', 'eip155:84532', refused('invalid_network'), 1),
  changed('payload.authorization.value', '1', refused('invalid_exact_evm_payload_signature')),
  changed('payload.authorization.from', SOMEBODY, refused('invalid_exact_evm_payload_signature')),
  changed('payload.authorization.from', `0x${'0'.repeat(40)}`, refused('invalid_exact_evm_payload_signature')),
  changed('payload.authorization.from', NETWORK.usdc, refused('invalid_exact_evm_payload_signature')),
  changed('payload.authorization.from', MULTICALL3, refused('invalid_exact_evm_payload_signature')),
  changed('payload.authorization.to', SOMEBODY, refused('invalid_exact_evm_payload_signature')),
];

const WRONG_SIGNATURES: readonly BadHeaderRow[] = [
  signature('has a high s', highS),
  signature('has v = 2', (good) => `${good.slice(0, 130)}02`),
  signature('has v = 29', (good) => `${good.slice(0, 130)}1d`),
  signature('has v = 255', (good) => `${good.slice(0, 130)}ff`),
  signature('has the other v', (good) => `${good.slice(0, 130)}${good.endsWith('1b') ? '1c' : '1b'}`),
  signature('lacks its last byte', (good) => good.slice(0, 130)),
  signature('has 66 bytes', (good) => `${good}00`),
  signature('is one byte', () => '0x1b'),
  signature('is all zeros', () => `0x${'00'.repeat(65)}`),
  signature('has r = s = the order of the curve', () => `0x${word(SECP256K1_ORDER)}${word(SECP256K1_ORDER)}1b`),
  signature('is wrapped as ERC-6492', erc6492),
  signature('has 4,000 bytes', (good) => `${good}${'00'.repeat(3_935)}`),
  signed('is signed for Base', 'invalid_exact_evm_payload_signature', { network: NETWORKS.base }),
  signed('is signed by somebody else', 'invalid_exact_evm_payload_signature', ({ payer, poor }) => ({
    payer: poor,
    from: payer.address,
  })),
  signed('of a contract wallet is signed by a stranger', 'invalid_exact_evm_payload_signature', ({ smartWallet }) => ({
    from: smartWallet,
  })),
];

const WRONG_AUTHORIZATIONS: readonly BadHeaderRow[] = ([2, 1] as const).flatMap((version) => [
  signed('has expired', EXPIRED, () => ({ validBefore: nowS() - 1n }), { version }),
  signed('expires before the operation can end', EXPIRED, () => ({ validBefore: nowS() + 20n }), { version }),
  signed('was never valid', EXPIRED, { validAfter: 0n, validBefore: 0n }, { version }),
  signed('is valid from in an hour', EARLY, () => ({ validAfter: nowS() + 3_600n, validBefore: nowS() + 7_200n }), { version }),
  signed('is valid after the end of time', EARLY, { validAfter: UINT256_MAX, validBefore: UINT256_MAX }, { version }),
  signed('pays somebody else', 'invalid_exact_evm_payload_recipient_mismatch', { payTo: SOMEBODY }, { version }),
  signed('pays nobody', 'invalid_exact_evm_payload_recipient_mismatch', { payTo: `0x${'0'.repeat(40)}` }, { version }),
  signed('is from payTo itself', 'invalid_payload', { payer: accountOf(devPrivateKey(8)) }, { version }),
  signed('is from the settler', 'invalid_payload', { payer: accountOf(devPrivateKey(0)) }, { version }),
  signed('is from a wallet without money', 'insufficient_funds', ({ poor }) => ({ payer: poor }), { version, stranger: true }),
  signed(
    'is from a contract wallet without money',
    'insufficient_funds',
    ({ poor, smartWallet }) => ({ payer: poor, from: smartWallet }),
    { version, stranger: true },
  ),
  signed(
    'was canceled on the chain (a nonce of zeros)',
    'invalid_transaction_state',
    ({ canceledNonce }) => ({
      nonce: canceledNonce,
    }),
    { version },
  ),
]);

const otherPrice = (call: SandboxCall): bigint => (call === 'create' ? 1_000n : 10_000n);
const MISMATCH = 'invalid_exact_evm_payload_authorization_value_mismatch';
const TOO_LITTLE = 'invalid_exact_evm_payload_authorization_value';

const WRONG_AMOUNTS: readonly BadHeaderRow[] = [
  signed('pays the price of another call', MISMATCH, (_, call) => ({ amountAtomic: otherPrice(call) })),
  signed('pays one unit too little', MISMATCH, (_, call) => ({ amountAtomic: BigInt(PRICE_ATOMIC[call]) - 1n })),
  signed('pays one unit too much', MISMATCH, (_, call) => ({ amountAtomic: BigInt(PRICE_ATOMIC[call]) + 1n })),
  signed('pays nothing', MISMATCH, { amountAtomic: 0n }),
  signed('pays all there can be', MISMATCH, { amountAtomic: UINT256_MAX }),
  signed('pays one unit too little', TOO_LITTLE, (_, call) => ({ amountAtomic: BigInt(PRICE_ATOMIC[call]) - 1n }), {
    version: 1,
  }),
  signed('pays nothing', TOO_LITTLE, { amountAtomic: 0n }, { version: 1 }),
  signed('pays all there can be', 'insufficient_funds', { amountAtomic: UINT256_MAX }, { version: 1 }),
];

const TWO_HEADERS: readonly BadHeaderRow[] = [
  {
    name: 'a good X-PAYMENT beside a PAYMENT-SIGNATURE that is garbage',
    ...malformed,
    headers: async (context, call) => ({ ...(await goodHeader(context, call, 1)), ...under(2, 'garbage') }),
  },
  {
    name: 'a good X-PAYMENT beside a PAYMENT-SIGNATURE that has expired',
    ...refused(EXPIRED),
    headers: async (context, call) => ({
      ...(await goodHeader(context, call, 1)),
      ...under(2, base64(JSON.stringify(await payment(context, call, 2, { validBefore: nowS() - 1n })))),
    }),
  },
];

/** Payments that pay for nothing. Each is sent to all four paid routes, with a body that is good. */
export const BAD_HEADERS: readonly BadHeaderRow[] = [
  ...UNREADABLE,
  ...WRONG_TYPES,
  ...WRONG_TERMS,
  ...WRONG_SIGNATURES,
  ...WRONG_AUTHORIZATIONS,
  ...WRONG_AMOUNTS,
  ...TWO_HEADERS,
];
