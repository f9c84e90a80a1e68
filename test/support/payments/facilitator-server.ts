import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { x402Facilitator } from '@x402/core/facilitator';
import type { PaymentPayload, PaymentRequirements } from '@x402/core/types';
import { toFacilitatorEvmSigner } from '@x402/evm';
import { registerExactEvmScheme } from '@x402/evm/exact/facilitator';
import { createWalletClient, http, publicActions } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { baseSepolia } from 'viem/chains';
import { createNonceManager, jsonRpc } from 'viem/nonce';
import { devPrivateKey } from '@tollbox/platform/config/dev-keys';

const NETWORK = 'eip155:84532';
const FACILITATOR_KEY_INDEX = 12;

/** What goes wrong with the next questions; each kind counts down. */
export interface Faults {
  /** `/settle` settles and never answers. */
  hangAfterSettling: number;
  /** `/settle` answers 500 and has done nothing. */
  errorBeforeSettling: number;
  /** `/settle` answers 500 and has settled. */
  errorAfterSettling: number;
  /** `/settle` refuses for a reason that the chain does not have. */
  refuse: number;
  /** `/settle` claims a success that never was. */
  lie: number;
  /** `/verify` says no to what the chain would take. */
  refuseVerify: number;
}

interface Question {
  readonly paymentPayload: PaymentPayload;
  readonly paymentRequirements: PaymentRequirements;
}

/** The official facilitator (`@x402/core`, `@x402/evm`) over HTTP on the loopback, with faults on demand. */
export class FacilitatorServer {
  readonly faults: Faults = {
    hangAfterSettling: 0,
    errorBeforeSettling: 0,
    errorAfterSettling: 0,
    refuse: 0,
    lie: 0,
    refuseVerify: 0,
  };
  settleCalls = 0;
  readonly authorizations = new Set<string>();
  private port = 0;
  private server: Server | null = null;

  private constructor(private readonly official: x402Facilitator) {}

  static async start(rpcUrl: string, confirmationTimeoutMs: number): Promise<FacilitatorServer> {
    // One for each chain: the library's own remembers nonces of a chain that is gone.
    const nonceManager = createNonceManager({ source: jsonRpc() });
    const account = privateKeyToAccount(devPrivateKey(FACILITATOR_KEY_INDEX), { nonceManager });
    const client = createWalletClient({ account, chain: baseSepolia, transport: http(rpcUrl), pollingInterval: 20 }).extend(
      publicActions,
    );
    const signer = toFacilitatorEvmSigner(
      {
        address: account.address,
        getCode: (args) => client.getCode(args),
        readContract: (args) => client.readContract({ ...args, args: args.args ?? [] }),
        verifyTypedData: (args) => client.verifyTypedData(args as Parameters<typeof client.verifyTypedData>[0]),
        writeContract: (args) => client.writeContract({ ...args, args: args.args }),
        sendTransaction: (args) => client.sendTransaction(args),
        waitForTransactionReceipt: (args) => client.waitForTransactionReceipt(args),
      },
      { confirmationTimeoutMs },
    );
    const facilitator = new FacilitatorServer(registerExactEvmScheme(new x402Facilitator(), { signer, networks: NETWORK }));
    await facilitator.listen();
    return facilitator;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** On the port it had before. */
  async listen(): Promise<void> {
    const server = createServer((request, response) => {
      if (request.headers.authorization !== undefined) this.authorizations.add(request.headers.authorization);
      this.answer(request).then(
        ({ status, body }) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body)),
        (error: unknown) => response.writeHead(500).end(String(error)),
      );
    });
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve));
    this.port = (server.address() as AddressInfo).port;
    this.server = server;
  }

  async stop(): Promise<void> {
    const { server } = this;
    this.server = null;
    if (server === null) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  private async answer(request: IncomingMessage): Promise<{ status: number; body: unknown }> {
    if (request.url === '/supported') return { status: 200, body: this.official.getSupported() };
    const question = JSON.parse(await textOf(request)) as Question;
    if (request.url === '/verify') {
      if (this.takes('refuseVerify')) return { status: 200, body: { isValid: false, invalidReason: 'unexpected_verify_error' } };
      return { status: 200, body: await this.official.verify(question.paymentPayload, question.paymentRequirements) };
    }
    this.settleCalls += 1;
    return this.settle(question);
  }

  private async settle({ paymentPayload, paymentRequirements }: Question): Promise<{ status: number; body: unknown }> {
    if (this.takes('errorBeforeSettling')) return { status: 500, body: { error: 'Internal Server Error' } };
    if (this.takes('refuse'))
      return { status: 200, body: { success: false, errorReason: 'unexpected_settle_error', transaction: '', network: NETWORK } };
    if (this.takes('lie')) return { status: 200, body: { success: true, transaction: `0x${'ab'.repeat(32)}`, network: NETWORK } };
    const body = await this.official.settle(paymentPayload, paymentRequirements);
    if (this.takes('hangAfterSettling')) return new Promise(() => undefined);
    if (this.takes('errorAfterSettling')) return { status: 502, body: { error: 'Bad Gateway' } };
    return { status: 200, body };
  }

  private takes(fault: keyof Faults): boolean {
    if (this.faults[fault] === 0) return false;
    this.faults[fault] -= 1;
    return true;
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
