import { devPrivateKey } from '@tollbox/platform/config/dev-keys';
import { PAID, REFUSED } from '../support/payments/bookings';
import { NETWORK, PAY_TO, PaymentsHarness, PRICE_ATOMIC } from '../support/payments/harness';
import { accountOf, signAuthorization, v2Header } from '../support/payments/sign';

const stranger = accountOf(devPrivateKey(7));

describe('a contract wallet', () => {
  let world: PaymentsHarness;
  beforeEach(async () => {
    world = await PaymentsHarness.start();
  });
  afterEach(async () => {
    await world.stop();
  });

  it('pays by EIP-1271 and settles through the bytes form', async () => {
    world.startSettler();
    const owner = accountOf(devPrivateKey(2));
    const contract = await world.chain.deploySmartWallet(owner.address);
    await world.chain.mint(contract, PRICE_ATOMIC);
    const signed = await signAuthorization({
      network: NETWORK,
      payer: owner,
      from: contract,
      payTo: PAY_TO,
      amountAtomic: PRICE_ATOMIC,
    });
    const outcome = await world.pay(v2Header(NETWORK, signed.authorization, signed.signature));
    expect(outcome).toMatchObject({ kind: 'paid', payment: { payerKind: 'contract', state: 'settled' } });
    expect(await world.chain.balanceOf(contract)).toBe(0n);
    await world.expectBooks([PAID]);
  });

  it('is refused when another key signed, although ECDSA recovers a key', async () => {
    const owner = accountOf(devPrivateKey(2));
    const contract = await world.chain.deploySmartWallet(owner.address);
    await world.chain.mint(contract, PRICE_ATOMIC);
    const thief = accountOf(devPrivateKey(3));
    const signed = await signAuthorization({
      network: NETWORK,
      payer: thief,
      from: contract,
      payTo: PAY_TO,
      amountAtomic: PRICE_ATOMIC,
    });
    expect(await world.pay(v2Header(NETWORK, signed.authorization, signed.signature))).toMatchObject({
      kind: 'rejected',
      rejection: { details: 'Invalid signature' },
    });
  });

  it('that burns gas without end in its signature check is refused, and holds nobody else up', async () => {
    // For a call without a sender it says yes; asked by the token, it loops.
    const code = '0x33156009575b6005565b631626ba7e60e01b60005260206000f3';
    const contract = '0x00000000000000000000000000000000000bad00' as const;
    await world.chain.rpc('anvil_setCode', [contract, code]);
    await world.chain.mint(contract, PRICE_ATOMIC);
    const signed = await signAuthorization({
      network: NETWORK,
      payer: stranger,
      from: contract,
      payTo: PAY_TO,
      amountAtomic: PRICE_ATOMIC,
    });
    world.startSettler();
    const honest = await world.payer(PRICE_ATOMIC);
    const [thief, paid] = await Promise.all([
      world.pay(v2Header(NETWORK, signed.authorization, signed.signature)),
      world.header(honest).then((header) => world.pay(header)),
    ]);
    expect(thief).toMatchObject({ kind: 'refused', payment: { payerKind: 'contract', state: 'failed' } });
    expect(paid.kind).toBe('paid');
    expect((await world.pool.query('SELECT 1 FROM settlement_transactions')).rowCount).toBe(1);
    await world.expectBooks([REFUSED, PAID]);
  });
});
