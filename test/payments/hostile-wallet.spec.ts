import { privateKeyToAccount } from 'viem/accounts';
import { ChainUnavailableError } from '@tollbox/payments/application/ports/evm-chain';
import { devPrivateKey } from '@tollbox/platform/config/dev-keys';
import { NETWORKS } from '@tollbox/platform/config/networks';
import { transferUsdc } from '../support/e2e/wallets';
import { EXECUTED, expired, PAID, REFUSED } from '../support/payments/bookings';
import { PAY_TO, PaymentsHarness, PRICE_ATOMIC } from '../support/payments/harness';
import { signAuthorization, v2Header } from '../support/payments/sign';

const NETWORK = NETWORKS['base-sepolia'];
const CONTRACT = '0x00000000000000000000000000000000000bad01';
/** Says yes to a call without a sender; answers the token with more bytes than the token has gas to copy. */
const RETURN_BOMB = '0x3315600c576203e8006000f35b631626ba7e60e01b60005260206000f3';

/** Its payment is the first in the queue, since its time ends first. */
describe('a contract wallet that the settler cannot simulate', () => {
  let world: PaymentsHarness;

  beforeEach(async () => {
    world = await PaymentsHarness.start({ SETTLEMENT_CONFIRM_WAIT_MS: '5000' });
    await world.chain.rpc('anvil_setCode', [CONTRACT, RETURN_BOMB]);
    await world.chain.mint(CONTRACT, PRICE_ATOMIC);
  });
  afterEach(() => world.stop());

  const payAsContract = async () => {
    const { authorization, signature } = await signAuthorization({
      network: NETWORK,
      payer: privateKeyToAccount(devPrivateKey(2)),
      from: CONTRACT,
      payTo: PAY_TO,
      amountAtomic: PRICE_ATOMIC,
      validBefore: BigInt(Math.floor(Date.now() / 1000)) + 100n,
    });
    return world.pay(v2Header(NETWORK, authorization, signature));
  };
  const queued = async () => {
    while ((await world.states())['queued'] !== 1) await new Promise((resolve) => setTimeout(resolve, 20));
  };
  const payHonestly = async () => world.pay(await world.header(await world.payer(PRICE_ATOMIC)));

  it('is refused when the token runs out of gas over its answer, and holds nobody else up', async () => {
    const hostile = payAsContract();
    await queued();
    world.startSettler();
    expect((await payHonestly()).kind).toBe('paid');
    expect(await hostile).toMatchObject({ kind: 'refused', payment: { state: 'failed', failReason: 'execution reverted' } });
    expect(world.problems).toEqual([]);
    await world.expectBooks([REFUSED, PAID]);
  });

  it('waits by itself when the node does not answer for it', async () => {
    const simulate = world.viemChain.simulateTransfer.bind(world.viemChain);
    jest
      .spyOn(world.viemChain, 'simulateTransfer')
      .mockImplementation((authorization, ...rest) =>
        authorization.from === CONTRACT
          ? Promise.reject(new ChainUnavailableError('no answer'))
          : simulate(authorization, ...rest),
      );
    const hostile = payAsContract();
    await queued();
    world.startSettler();
    expect((await payHonestly()).kind).toBe('paid');
    expect(await world.states()).toEqual({ settled: 1, queued: 1 });
    await world.chain.rpc('evm_increaseTime', [200]);
    await world.chain.mine();
    expect(await hostile).toMatchObject({ kind: 'refused', payment: { state: 'expired' } });
    await world.expectBooks([[EXECUTED, expired()], PAID]);
  });
});

describe('a wallet whose payments the chain refuses again and again', () => {
  it('waits after a number of them, and nothing runs for it meanwhile', async () => {
    const world = await PaymentsHarness.start({ MAX_REFUSED_PAYMENTS_PER_PAYER_PER_HOUR: '2' });
    world.startSettler();
    const payer = await world.payer(PRICE_ATOMIC);
    // The money leaves while the operation runs.
    world.operation.behaviour = async () => {
      await transferUsdc(world.chain, payer.address, NETWORK.usdc, PRICE_ATOMIC);
    };
    for (let refused = 0; refused < 2; refused++) {
      expect(await world.pay(await world.header(payer))).toMatchObject({ kind: 'refused' });
      await world.chain.mint(payer.address, PRICE_ATOMIC);
    }
    expect(await world.pay(await world.header(payer))).toMatchObject({
      kind: 'error',
      error: { code: 'too_many_refused_payments', retryAfterSeconds: 600 },
      charged: false,
    });
    expect(world.operation.runs).toHaveLength(2);
    await world.expectBooks([REFUSED, REFUSED]);
    await world.stop();
  });
});
