import type { Config } from '../config/config';
import { networkOf } from '../config/networks';
import { soldImages } from '../config/sold-images';
import type { PricedItem } from './api-catalog';
import { usdText } from './usd';

function priceTable(items: readonly PricedItem[]): string {
  const rows = items.map(({ method, path, price, summary }) => `| ${method} ${path} | ${price.short} | ${summary} |`);
  const rules = items.flatMap(({ path, price }) => (price.rule === '' ? [] : [`- ${path}: ${price.rule}.`]));
  const feeAtomic = items.map(({ terms }) => terms.feeAtomic).find((fee) => fee > 0n);
  if (feeAtomic !== undefined)
    rules.push(`- Each of these prices but that of credits includes a transaction fee of $${usdText(feeAtomic)}.`);
  const table = ['| Route | Price (USDC) | What |', '|---|---|---|', ...rows].join('\n');
  return [table, ...(rules.length === 0 ? [] : [rules.join('\n')]), 'The 402 of a request has its exact price.'].join('\n\n');
}

function limits(config: Config): string {
  const images = [...soldImages(config).keys()];
  return [
    `- Images: ${images.map((image) => `\`${image}\``).join(', ')} (default \`${images[0] ?? ''}\`).`,
    `- A sandbox: at most ${config.SANDBOX_MAX_CPU} vCPU, ${config.SANDBOX_MAX_MEMORY_MIB} MiB memory (default ${config.SANDBOX_DEFAULT_MEMORY_MIB}), ${config.SANDBOX_MAX_LIFETIME_S} s lifetime (also the default), ${config.SANDBOX_PIDS_LIMIT} processes.`,
    `- Live sandboxes of one wallet: ${config.SANDBOX_MAX_LIVE_PER_OWNER}. Commands at once in one sandbox: ${config.EXEC_MAX_CONCURRENT_PER_SANDBOX}.`,
    `- A command: at most ${config.EXEC_MAX_TIMEOUT_S} s (also the default), ${config.EXEC_MAX_ARGV_BYTES} bytes of arguments; ${config.EXEC_MAX_OUTPUT_BYTES} bytes are kept of stdout and of stderr each, the rest is cut and flagged.`,
    `- A request body: ${config.BODY_LIMIT_BYTES} bytes. Requests of one address: ${config.REQUESTS_PER_MINUTE_PER_IP} a minute.`,
    `- Payments of one wallet that are not settled yet: ${config.MAX_IN_FLIGHT_PAYMENTS_PER_PAYER}.`,
  ].join('\n');
}

function walkThrough(base: string): string {
  return `## Buy and use a sandbox

1. Ask, without paying:

   curl -i -X POST ${base}/api/v1/modal/sandbox/create -H 'content-type: application/json' -d '{}'

   The answer is 402. The exact price and terms are in the header \`PAYMENT-REQUIRED\` (base64 JSON, x402 v2) and in \`accepts\` of the body (x402 v1).
2. Sign \`accepts[0]\` (scheme \`exact\`: an EIP-3009 \`TransferWithAuthorization\` of USDC) and send the identical request again with the header
   \`PAYMENT-SIGNATURE\` (x402 v2) or \`X-PAYMENT\` (x402 v1). Any x402 client does both steps, for example \`@x402/fetch\`. The wallet needs USDC, no ETH.
3. The 200 answer has \`sandbox_id\`. The wallet that paid owns the sandbox; use the same wallet for every further call:

   POST ${base}/api/v1/modal/sandbox/exec       {"sandbox_id":"sb-...","command":["python","-c","print(1+1)"]}
   POST ${base}/api/v1/modal/sandbox/status     {"sandbox_id":"sb-..."}
   POST ${base}/api/v1/modal/sandbox/terminate  {"sandbox_id":"sb-..."}

   \`command\` is a list of arguments, not a shell line; for a shell send ["sh","-c","..."]. A command that exits non-zero is a 200 with its \`returncode\`.
4. Terminate when done. A sandbox ends by itself at its timeout.

Receipts are in the headers \`PAYMENT-RESPONSE\`, \`X-PAYMENT-RESPONSE\` and \`X-Payment-Receipt\` (transaction hash).`;
}

function credits(base: string, config: Config): string {
  return `## Prepay, when you make many calls

1. Make a token and keep it: \`tbc_\` and 32 random bytes as base64url (43 characters). Only its SHA-256 is sent.
2. Buy credits for any amount from $${usdText(config.CREDITS_MIN_TOPUP_ATOMIC)} to $${usdText(config.CREDITS_MAX_TOPUP_ATOMIC)}, paid like any other call: POST ${base}/v1/credits {"amount":"1000000","token_sha256":"<64 hex digits>"} (1 USDC).
3. Pay any priced call with \`Authorization: Bearer tbc_...\` and a new \`Idempotency-Key\` instead of a payment header. The same key with the same request returns the stored answer.

Credits belong to the wallet that paid, as its sandboxes do. \`GET ${base}/v1/credits\` shows balance and statement, \`DELETE ${base}/v1/credits/tokens/{sha256}\` revokes a token,
\`GET ${base}/v1/payments/{id}\` shows a payment: free, with a credit token, or by signing the \`sign-in-with-x\` challenge of their 401 (header \`SIGN-IN-WITH-X\`).`;
}

const RULES = `## Rules that save money

- You are charged only for work that was done. An invalid body is a 400 before any payment.
- Sending the same request with the same payment header again is always safe: it returns the stored answer and never pays twice.
  Do this after a broken connection, a timeout, or a 503 with \`Retry-After\`. Do not sign a new payment then.
- One payment pays for one request. With another body it is a 409.
- Name a request with the x402 extension \`payment-identifier\` and you may also repeat it with a new payment: it is answered from the first one and
  the new one is not used.
- Every error has \`code\`, \`message\`, \`suggestion\`, \`retryable\` and \`charged\` (true, false or "unknown"): follow \`suggestion\`.`;

/** /llms.txt: how an agent buys and uses a sandbox, with the prices and limits of this installation. */
export function buildLlmsText(config: Config, items: readonly PricedItem[], base: string): string {
  const network = networkOf(config);
  return `# Tollbox

> Isolated sandboxes that run your code, paid per call in USDC over x402. No account, no API key: ask, get a 402 with the exact price, sign, get your sandbox.

Payments: USDC (${network.usdc}) on ${network.name} (${network.caip2}), to ${config.PAY_TO}.

## Prices

${priceTable(items)}

${walkThrough(base)}

${credits(base, config)}

## Limits

${limits(config)}

${RULES}

## More

- [OpenAPI](${base}/openapi.json): every route, schema and error code
- [Documentation](${base}/docs): the same, to browse
- [x402 discovery](${base}/.well-known/x402): priced resources with their terms
`;
}
