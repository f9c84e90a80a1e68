// npm run pay -- create|exec|status|terminate|credits BODY : one paid call to the stack of `npm start`, with the official x402 client.
// npm run pay -- show PATH : a free call that asks which wallet calls (SIGN-IN-WITH-X), for example /v1/credits.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ExactEvmScheme } from '@x402/evm';
import { decodePaymentResponseHeader, wrapFetchWithPaymentFromConfig } from '@x402/fetch';
import { privateKeyToAccount } from 'viem/accounts';

const ROUTES = {
  ...Object.fromEntries(['create', 'exec', 'status', 'terminate'].map((call) => [call, `/api/v1/modal/sandbox/${call}`])),
  credits: '/v1/credits',
};
const devFile = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', '.tollbox', 'dev.json');

function fail(text) {
  console.error(text);
  process.exit(2);
}

/** The EIP-4361 text of the challenge of a 401, and the header that carries its proof. */
async function signIn(agent, { info, supportedChains }) {
  const [{ chainId, type }] = supportedChains;
  const message = [
    ...[`${info.domain} wants you to sign in with your Ethereum account:`, agent.address, '', info.statement, ''],
    ...[`URI: ${info.uri}`, `Version: ${info.version}`, `Chain ID: ${chainId.replace('eip155:', '')}`, `Nonce: ${info.nonce}`],
    ...[`Issued At: ${info.issuedAt}`, `Expiration Time: ${info.expirationTime}`],
  ].join('\n');
  const proof = { ...info, address: agent.address, chainId, type, signature: await agent.signMessage({ message }) };
  return Buffer.from(JSON.stringify(proof)).toString('base64');
}

async function show(dev, agent, route) {
  const asked = await fetch(dev.gatewayUrl + route);
  const challenge = asked.status === 401 ? (await asked.clone().json()).extensions?.['sign-in-with-x'] : undefined;
  if (challenge === undefined) return asked;
  return fetch(dev.gatewayUrl + route, { headers: { 'sign-in-with-x': await signIn(agent, challenge) } });
}

async function pay(dev, agent, route, body) {
  const schemes = [{ network: `eip155:${dev.chainId}`, client: new ExactEvmScheme(agent) }];
  const payingFetch = wrapFetchWithPaymentFromConfig(fetch, { schemes });
  return payingFetch(dev.gatewayUrl + route, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
}

const [call, argument = '{}'] = process.argv.slice(2);
const route = call === 'show' ? argument : ROUTES[call];
if (!route?.startsWith('/'))
  fail(`usage: npm run pay -- ${Object.keys(ROUTES).join('|')} 'JSON BODY', or npm run pay -- show PATH`);
if (!existsSync(devFile)) fail('no stack runs here: start one with `npm start`');
const dev = JSON.parse(readFileSync(devFile, 'utf8'));
if (dev.agents?.[0] === undefined) fail('the running stack has no development wallet (it uses a chain that was given)');
const agent = privateKeyToAccount(dev.agents[0].privateKey);

const response = await (call === 'show' ? show(dev, agent, route) : pay(dev, agent, route, argument));
console.log(`${response.status} ${await response.text()}`);
const receipt = response.headers.get('payment-response');
if (receipt !== null)
  console.log(`paid by ${agent.address} in ${decodePaymentResponseHeader(receipt).transaction || 'no transaction'}`);
const paymentId = response.headers.get('x-payment-id');
if (paymentId !== null) console.log(`payment ${paymentId}`);
process.exitCode = response.ok ? 0 : 1;
