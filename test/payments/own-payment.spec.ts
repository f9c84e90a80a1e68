import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { callSignedIn } from '../support/owner/sign-in';
import { insertPayment } from '../support/owner/payment-row';
import { startGatewayInProcess, type TestGateway } from '../platform/support/gateway';

describe('GET /v1/payments/{id}', () => {
  let gateway: TestGateway;
  const payer = privateKeyToAccount(generatePrivateKey());
  beforeAll(async () => {
    gateway = await startGatewayInProcess();
  });
  afterAll(() => gateway.close());

  const show = (id: string, signer = payer) => callSignedIn(gateway.app, signer, `/v1/payments/${id}`);

  it('shows a settled payment to its payer, with its receipt', async () => {
    const { id, operationId } = await insertPayment(gateway.pool, { payer: payer.address, settled: true });
    const answer = await show(id);
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({
      id,
      state: 'settled',
      charged: true,
      operation: 'sandbox.exec',
      operation_id: operationId,
      payer: payer.address.toLowerCase(),
      network: 'eip155:84532',
      amount_atomic: '1200',
      price_atomic: '1000',
      settlement_mode: 'confirm',
      transaction_hash: `0x${'ab'.repeat(32)}`,
      block_number: '7',
      block_hash: `0x${'cd'.repeat(32)}`,
      receipt: {
        success: true,
        transaction: `0x${'ab'.repeat(32)}`,
        network: 'eip155:84532',
        payer: payer.address.toLowerCase(),
      },
    });
  });

  it('shows one on its way without a receipt', async () => {
    const { id } = await insertPayment(gateway.pool, { payer: payer.address });
    expect((await show(id)).json()).toMatchObject({ state: 'claimed', charged: 'unknown', receipt: null, settled_at: null });
  });

  it("answers another wallet's payment like one that does not exist", async () => {
    const { id } = await insertPayment(gateway.pool, { payer: payer.address, settled: true });
    const stranger = privateKeyToAccount(generatePrivateKey());
    const shapes = [];
    for (const asked of [id, '36457d43-0a6d-4615-8c64-2ece148a3fb4', 'nonsense']) {
      const answer = await show(asked, stranger);
      shapes.push([answer.statusCode, { ...answer.json<Record<string, unknown>>(), request_id: '' }]);
    }
    expect(shapes[0]).toEqual([404, expect.objectContaining({ code: 'not_found' })]);
    expect(shapes[1]).toEqual(shapes[0]);
    expect(shapes[2]).toEqual(shapes[0]);
  });

  it('asks everybody else to sign in', async () => {
    const { id } = await insertPayment(gateway.pool, { payer: payer.address, settled: true });
    const answers = await Promise.all(
      [id, '36457d43-0a6d-4615-8c64-2ece148a3fb4'].map((asked) => gateway.app.inject({ url: `/v1/payments/${asked}` })),
    );
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([401, 401]);
  });
});
