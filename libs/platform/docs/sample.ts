import type { Json } from './openapi-parts';

const HEX = '5f2b1c9e7d3a4860';
const hash = (digits: number): string => HEX.repeat(4).slice(0, digits);
const WALLET = '0x70997970c51812dc3a010c7d01b50e0d17dc79c8';

/** What fields of these names hold, where their schema only says that they are texts. */
const BY_NAME: Readonly<Record<string, unknown>> = {
  ...Object.fromEntries(['wallet', 'payer', 'owner', 'signer', 'pay_to', 'asset_address'].map((name) => [name, WALLET])),
  ...Object.fromEntries(
    ['transaction', 'transaction_hash', 'block_hash', 'to_block_hash', 'nonce'].map((name) => [name, `0x${hash(64)}`]),
  ),
  network: 'eip155:84532',
  operation: 'sandbox.exec',
  account: 'treasury',
  code: 'treasury',
  debit_account: 'treasury',
  credit_account: 'in_flight',
  event: 'settled',
  class: 'unmatched_receipt',
  sandbox_id: 'sb-0123456789abcdef',
  reason: 'the customer was charged twice',
  amount: '1000000',
  idempotency_key: 'refund-2026-11-0001',
  path: '/api/v1/modal/sandbox/exec',
  method: 'POST',
  group_by: 'day,operation',
  ...Object.fromEntries(
    ['fail_reason', 'void_code', 'error', 'rejection_reason', 'waiting_reason', 'next_cursor', 'resolution', 'cursor'].map(
      (name) => [name, null],
    ),
  ),
};

const BY_FORMAT: Readonly<Record<string, string>> = {
  uuid: '019a0b5c-7d10-7c3e-9a51-2f6d8a1c4e90',
  'date-time': '2026-11-01T00:00:00.000Z',
  date: '2026-11-01',
  uri: 'https://example.com/api/v1/modal/sandbox/exec',
};

/** A value of the schema, as one would meet it. */
export function sampleOf(schema: Json, name = ''): unknown {
  const { examples, default: fallback } = schema as { examples?: readonly unknown[]; default?: unknown };
  const values = schema['enum'] as readonly unknown[] | undefined;
  const choices = (schema['anyOf'] ?? schema['oneOf']) as readonly Json[] | undefined;
  if (examples?.[0] !== undefined) return examples[0];
  if (schema['const'] !== undefined) return schema['const'];
  if (choices !== undefined) {
    const isNullable = choices.some(({ type }) => type === 'null');
    return isNullable && BY_NAME[name] === null ? null : sampleOf(choices.find(({ type }) => type !== 'null') ?? {}, name);
  }
  if (values !== undefined) return values.includes(BY_NAME[name]) ? BY_NAME[name] : values[0];
  if (fallback !== undefined && name !== '') return fallback;
  return sampleOfType(schema, name);
}

function sampleOfType(schema: Json, name: string): unknown {
  switch ([schema['type']].flat()[0]) {
    case 'object':
      return Object.fromEntries(
        Object.entries((schema['properties'] ?? {}) as Record<string, Json>).map(([key, own]) => [key, sampleOf(own, key)]),
      );
    case 'array':
      return schema['maxItems'] === 0 ? [] : [sampleOf((schema['items'] ?? {}) as Json, name)];
    case 'string':
      return textOf(schema, name);
    case 'integer':
    case 'number':
      return Math.max(1, Number(schema['minimum'] ?? 1));
    case 'boolean':
      return true;
    case 'null':
      return null;
    default:
      return {};
  }
}

function textOf({ format, pattern }: { format?: string; pattern?: string }, name: string): string {
  const known = BY_FORMAT[format ?? ''];
  if (known !== undefined) return known;
  const fits = (text: string): boolean => pattern === undefined || new RegExp(pattern).test(text);
  const candidates = [
    BY_NAME[name],
    name.includes('sha256') ? hash(64) : undefined,
    '1000',
    WALLET,
    `0x${hash(64)}`,
    hash(64),
    name,
    'text',
  ];
  return candidates.find((text): text is string => typeof text === 'string' && text !== '' && fits(text)) ?? 'text';
}
