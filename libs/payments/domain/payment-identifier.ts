/**
 * The x402 extension `payment-identifier`: a name that the buyer gives to a request, so that he may repeat it with a new
 * authorization and pay once. It is not on the chain, which keeps the answer from readers of the chain too.
 */
export const PAYMENT_IDENTIFIER = 'payment-identifier';

const MIN_CHARS = 16;
const MAX_CHARS = 128;
const PATTERN = '^[a-zA-Z0-9_-]+$';
const VALID = new RegExp(PATTERN);

/** How a 402 offers it. The schema is that of `info`, which the buyer sends back with his `id` in it. */
export const PAYMENT_IDENTIFIER_OFFER = Object.freeze({
  info: { required: false },
  schema: {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    properties: {
      required: { type: 'boolean' },
      id: { type: 'string', minLength: MIN_CHARS, maxLength: MAX_CHARS, pattern: PATTERN },
    },
    required: ['required'],
  },
});

export type ReadIdentifier =
  | { readonly kind: 'none' }
  | { readonly kind: 'identifier'; readonly id: string }
  | { readonly kind: 'malformed'; readonly problem: string };

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** The identifier among the extensions of a v2 payload. An echoed offer without an id is none. */
export function readPaymentIdentifier(extensions: unknown): ReadIdentifier {
  const extension = isRecord(extensions) ? extensions[PAYMENT_IDENTIFIER] : undefined;
  const info = isRecord(extension) ? extension['info'] : undefined;
  const id = isRecord(info) ? info['id'] : undefined;
  if (id === undefined) return { kind: 'none' };
  // A buyer who names his request relies on it: an id that cannot be kept must not be dropped silently.
  if (typeof id !== 'string' || id.length < MIN_CHARS || id.length > MAX_CHARS || !VALID.test(id))
    return {
      kind: 'malformed',
      problem: `extensions.${PAYMENT_IDENTIFIER}.info.id: must be ${MIN_CHARS} to ${MAX_CHARS} of A-Z a-z 0-9 _ -`,
    };
  return { kind: 'identifier', id };
}
