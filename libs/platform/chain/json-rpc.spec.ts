import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ChainUnavailableError, RpcRefusedError } from './chain-unavailable';
import { JsonRpc } from './json-rpc';

/** What the node answers next. */
let answer: { status: number; body: string };
let server: Server;
let rpc: JsonRpc;

beforeAll(async () => {
  server = createServer((request, response) => {
    request.resume().on('end', () => {
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  rpc = new JsonRpc(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 2_000);
});
afterAll(async () => {
  rpc.close();
  await new Promise((resolve) => server.close(resolve));
});

const says = (status: number, body: unknown): void => {
  answer = { status, body: typeof body === 'string' ? body : JSON.stringify(body) };
};
const error = { code: -32_005, message: 'query returned more than 10000 results' };
const ask = () => rpc.one('eth_getLogs', []);

describe('what a node answers to a call', () => {
  it('is its result, also when that is nothing', async () => {
    says(200, { jsonrpc: '2.0', id: 0, result: null });
    expect(await ask()).toBeNull();
  });

  it.each([
    ['with its id', 200, { jsonrpc: '2.0', id: 0, error }],
    ['with a status and without an id', 400, { jsonrpc: '2.0', id: null, error }],
  ])('is a refusal %s', async (_, status, body) => {
    says(status, body);
    await expect(ask()).rejects.toMatchObject({ name: 'RpcRefusedError', code: error.code });
    await expect(ask()).rejects.toBeInstanceOf(ChainUnavailableError);
  });

  it.each([
    ['an error page', 502, '<html>bad gateway</html>'],
    ['a status without a reason', 429, {}],
    ['nonsense', 200, 'not JSON'],
    ['nothing', 200, { jsonrpc: '2.0', id: 0 }],
  ])('is no refusal when it is %s', async (_, status, body) => {
    says(status, body);
    const failure: unknown = await ask().catch((reason: unknown) => reason);
    expect(failure).toBeInstanceOf(ChainUnavailableError);
    expect(failure).not.toBeInstanceOf(RpcRefusedError);
  });

  it('is told apart by id, and all are there or none', async () => {
    const calls = [
      { method: 'a', params: [] },
      { method: 'b', params: [] },
    ];
    says(200, [
      { id: 1, error },
      { id: 0, result: '0x1' },
    ]);
    expect(await rpc.ask(calls)).toMatchObject([
      { kind: 'result', result: '0x1' },
      { kind: 'error', code: error.code },
    ]);
    says(200, [{ id: 0, result: '0x1' }]);
    await expect(rpc.ask(calls)).rejects.toThrow('unanswered');
    says(400, { id: null, error });
    await expect(rpc.ask(calls)).rejects.toThrow('unanswered');
  });
});
