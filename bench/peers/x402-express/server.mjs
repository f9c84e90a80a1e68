// The peer of `npm run bench -- payments`: the official @x402/express middleware with an in-process facilitator, put
// together as its documentation shows. Settings: RPC_URL, PAY_TO, FACILITATOR_PRIVATE_KEY. It says over IPC where it listens.
import express from 'express';
import { x402Facilitator } from '@x402/core/facilitator';
import { toFacilitatorEvmSigner } from '@x402/evm';
import { registerExactEvmScheme } from '@x402/evm/exact/facilitator';
import { ExactEvmScheme } from '@x402/evm/exact/server';
import { paymentMiddleware, x402ResourceServer } from '@x402/express';
import { createWalletClient, http, publicActions } from 'viem';
import { nonceManager, privateKeyToAccount } from 'viem/accounts';
import { baseSepolia } from 'viem/chains';

const NETWORK = 'eip155:84532';
const PRICE = '$0.001';
// The library looks for a receipt at this interval. Its default is made for public endpoints; the local chain answers at once.
const RECEIPT_POLL_MS = 50;

const { RPC_URL, PAY_TO, FACILITATOR_PRIVATE_KEY } = process.env;
// Without the nonce manager concurrent settlements take the same transaction nonce and fail.
const account = privateKeyToAccount(FACILITATOR_PRIVATE_KEY, { nonceManager });
const client = createWalletClient({
  account,
  chain: baseSepolia,
  transport: http(RPC_URL),
  pollingInterval: RECEIPT_POLL_MS,
}).extend(publicActions);

const facilitator = registerExactEvmScheme(new x402Facilitator(), {
  signer: toFacilitatorEvmSigner({
    address: account.address,
    getCode: (args) => client.getCode(args),
    readContract: (args) => client.readContract(args),
    verifyTypedData: (args) => client.verifyTypedData(args),
    writeContract: (args) => client.writeContract(args),
    sendTransaction: (args) => client.sendTransaction(args),
    waitForTransactionReceipt: (args) => client.waitForTransactionReceipt(args),
  }),
  networks: NETWORK,
});
const resourceServer = new x402ResourceServer(facilitator).register(NETWORK, new ExactEvmScheme());

const app = express();
app.use(
  paymentMiddleware(
    {
      'POST /bench/noop': {
        accepts: [{ scheme: 'exact', price: PRICE, network: NETWORK, payTo: PAY_TO }],
        description: 'no-op',
        mimeType: 'application/json',
      },
    },
    resourceServer,
  ),
);
app.use(express.json());
const noop = (_request, response) => response.json({ ok: true });
app.post('/bench/noop', noop);
app.post('/bench/free', noop);

const server = app.listen(0, '127.0.0.1', () => {
  process.send?.({ type: 'ready', url: `http://127.0.0.1:${server.address().port}` });
});
for (const event of ['SIGTERM', 'disconnect']) process.on(event, () => process.exit(0));
