// npm run pay -- create|exec|status|terminate BODY : one paid call to the stack of `npm start`, with the official x402 client.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ExactEvmScheme } from '@x402/evm';
import { decodePaymentResponseHeader, wrapFetchWithPaymentFromConfig } from '@x402/fetch';
import { privateKeyToAccount } from 'viem/accounts';

const OPERATIONS = ['create', 'exec', 'status', 'terminate'];
const devFile = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', '.tollbox', 'dev.json');

function fail(text) {
  console.error(text);
  process.exit(2);
}

const [operation, body = '{}'] = process.argv.slice(2);
if (!OPERATIONS.includes(operation)) fail(`usage: npm run pay -- ${OPERATIONS.join('|')} 'JSON BODY'`);
if (!existsSync(devFile)) fail('no stack runs here: start one with `npm start`');
const dev = JSON.parse(readFileSync(devFile, 'utf8'));
const agent = dev.agents?.[0];
if (agent === undefined) fail('the running stack has no development wallet (it uses a chain that was given)');

const payingFetch = wrapFetchWithPaymentFromConfig(fetch, {
  schemes: [{ network: `eip155:${dev.chainId}`, client: new ExactEvmScheme(privateKeyToAccount(agent.privateKey)) }],
});
const response = await payingFetch(`${dev.gatewayUrl}/api/v1/modal/sandbox/${operation}`, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body,
});
console.log(`${response.status} ${await response.text()}`);
const receipt = response.headers.get('payment-response');
if (receipt !== null)
  console.log(`paid by ${agent.address} in ${decodePaymentResponseHeader(receipt).transaction || 'no transaction'}`);
process.exitCode = response.ok ? 0 : 1;
