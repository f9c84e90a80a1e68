import { privateKeyToAccount } from 'viem/accounts';
import { devPrivateKey } from '@tollbox/platform/config/dev-keys';
import { ViemRefundWallet } from '@tollbox/refunds/infrastructure/viem-refund-wallet';
import { LaggingNode } from '../support/payments/lagging-node';
import { entriesOf } from '../support/reconciliation/clean-books';
import { NETWORK, REFUND_KEY, RefundWorld } from '../support/refunds/world';

let world: RefundWorld;
let node: LaggingNode;
beforeAll(async () => {
  world = await RefundWorld.start();
  node = await LaggingNode.start(world.chain.rpcUrl);
});
afterAll(async () => {
  await node.stop();
  await world.stop();
});

interface Receipt {
  readonly status: string;
}

it('does not give up a refund that the node calls reverted while its transfer is in the chain', async () => {
  const buyer = privateKeyToAccount(devPrivateKey(11)).address;
  await world.fund(4_000n);
  const wallet = () => new ViemRefundWallet({ network: NETWORK, rpcUrl: node.url, timeoutMs: 5_000, privateKey: REFUND_KEY });
  const worker = world.worker('worker-1', wallet);
  const refund = await world.request(await world.payment(buyer), 4_000n);
  await worker.pass();
  await world.mine(2); // deep enough for a revert to count
  node.lie('eth_getTransactionReceipt', 3, (truth: Receipt | null) =>
    truth === null ? undefined : { ...truth, status: '0x0', logs: [] },
  );
  for (let pass = 0; pass < 3; pass++) {
    await worker.pass();
    expect(['broadcast', 'unknown']).toContain((await world.refunds.show(refund.id)).state);
  }
  expect(node.isTruthful).toBe(true);
  await worker.pass();
  expect(await world.refunds.show(refund.id)).toMatchObject({ state: 'paid' });
  expect(await world.balance(buyer)).toBe(4_000n);
  expect(await entriesOf(world.pool, refund.id)).toEqual([
    'refund_approved 1: refunds <- refunds_due 4000',
    'refund_paid 1: refunds_due <- refund_float 4000',
    'refund_gas 1',
  ]);
});
