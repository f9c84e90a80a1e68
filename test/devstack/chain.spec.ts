import { Chain, devAccount, DevChainId, MULTICALL3_ADDRESS } from '@tollbox/devstack/chain';
import { ContractArtifact, devContracts } from '@tollbox/devstack/contracts';
import { delay } from '@tollbox/devstack/processes';
import { Address, encodeFunctionData, Hex, parseSignature } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { testChain } from '../support/stack';

const ONE_USDC = 1_000_000n;
const payer = devAccount(1);
const payee = devAccount(2);
const relayer = devAccount(3).address;
const nonceOf = (digit: number): Hex => `0x${digit.toString(16).padStart(2, '0').repeat(32)}`;

interface Terms {
  from: Address;
  to: Address;
  value: bigint;
  validAfter: bigint;
  validBefore: bigint;
  nonce: Hex;
}

describe('the development chain', () => {
  let chain: Chain;
  let usdc: ContractArtifact;
  let chainTimeS: bigint;
  let mining = true;

  const call = (functionName: string, args: readonly unknown[] = []) =>
    chain.rpc('eth_call', [{ to: chain.usdc, data: encodeFunctionData({ abi: usdc.abi, functionName, args }) }, 'latest']);
  const transact = async (functionName: string, args: readonly unknown[]) => {
    const data = encodeFunctionData({ abi: usdc.abi, functionName, args });
    await chain.rpc('eth_call', [{ from: relayer, to: chain.usdc, data }, 'latest']); // rejects with the revert text
    return send({ to: chain.usdc, data });
  };
  const send = async (transaction: { to: Address; data: Hex }) => {
    const hash = await chain.rpc('eth_sendTransaction', [{ from: relayer, gas: '0xf4240', ...transaction }]);
    for (let attempt = 0; mining && attempt < 200; attempt++) {
      if ((await chain.rpc('eth_getTransactionReceipt', [hash])) !== null) return;
      await delay(10);
    }
  };
  const domain = () => ({ name: 'USDC', version: '2', chainId: chain.chainId, verifyingContract: chain.usdc });
  const terms = (nonce: number, change: Partial<Terms> = {}): Terms => ({
    from: payer.address,
    to: payee.address,
    value: 1_000n,
    validAfter: 0n,
    validBefore: chainTimeS + 600n,
    nonce: nonceOf(nonce),
    ...change,
  });
  const sign = (t: Terms, key = payer.privateKey) =>
    privateKeyToAccount(key).signTypedData({
      domain: domain(),
      primaryType: 'TransferWithAuthorization',
      types: {
        TransferWithAuthorization: [
          { name: 'from', type: 'address' },
          { name: 'to', type: 'address' },
          { name: 'value', type: 'uint256' },
          { name: 'validAfter', type: 'uint256' },
          { name: 'validBefore', type: 'uint256' },
          { name: 'nonce', type: 'bytes32' },
        ],
      },
      message: t,
    });
  const flat = (t: Terms) => [t.from, t.to, t.value, t.validAfter, t.validBefore, t.nonce] as const;
  const packed = async (t: Terms, signature?: Hex) =>
    transact('transferWithAuthorization', [...flat(t), signature ?? (await sign(t))]);

  beforeAll(async () => {
    chain = await testChain();
    usdc = (await devContracts()).DevUsdc;
    const block = (await chain.rpc('eth_getBlockByNumber', ['latest', false])) as { timestamp: Hex };
    chainTimeS = BigInt(block.timestamp);
    await chain.mint(payer.address, 10n * ONE_USDC);
  });
  afterAll(() => chain.stop());

  it.each<[DevChainId, string]>([
    [84532, '0x71f17a3b2ff373b803d70a5a07c046c1a2bc8e89c09ef722fcb047abe94c9818'],
    [8453, '0x02fa7265e7c5d81118673727957699e4d68f74cd74b7db77da710fe8a2c7834f'],
  ])('has the real token’s DOMAIN_SEPARATOR on %s', async (chainId, separator) => {
    const other = await testChain({ chainId });
    const data = encodeFunctionData({ abi: usdc.abi, functionName: 'DOMAIN_SEPARATOR' });
    await expect(other.rpc('eth_call', [{ to: other.usdc, data }, 'latest'])).resolves.toBe(separator);
    await other.stop();
  });

  it('moves money for an authorization once, with either form of the signature', async () => {
    const before = await chain.balanceOf(payee.address);
    await packed(terms(1));
    const split = terms(2);
    const { r, s, yParity } = parseSignature(await sign(split));
    await transact('transferWithAuthorization', [...flat(split), 27 + yParity, r, s]);
    expect((await chain.balanceOf(payee.address)) - before).toBe(2_000n);
    await expect(packed(terms(1))).rejects.toThrow('FiatTokenV2: authorization is used or canceled');
  });

  it('refuses in the words of the real token', async () => {
    await expect(packed(terms(3, { validAfter: chainTimeS + 300n }))).rejects.toThrow(
      'FiatTokenV2: authorization is not yet valid',
    );
    await expect(packed(terms(3, { validBefore: chainTimeS }))).rejects.toThrow('FiatTokenV2: authorization is expired');
    await expect(packed(terms(3, { value: 11n * ONE_USDC }))).rejects.toThrow('ERC20: transfer amount exceeds balance');
    await expect(packed(terms(3), await sign(terms(3), payee.privateKey))).rejects.toThrow('FiatTokenV2: invalid signature');
    await expect(packed(terms(3), '0x1234')).rejects.toThrow('ECRecover: invalid signature length');
    await transact('pause', []);
    await expect(packed(terms(3))).rejects.toThrow('Pausable: paused');
    await transact('unpause', []);
    await transact('blacklist', [payer.address]);
    await expect(packed(terms(3))).rejects.toThrow('Blacklistable: account is blacklisted');
    await transact('unBlacklist', [payer.address]);
    await packed(terms(3));
  });

  it('cancels an unused authorization on its signer’s word', async () => {
    const nonce = nonceOf(4);
    const signature = await privateKeyToAccount(payer.privateKey).signTypedData({
      domain: domain(),
      primaryType: 'CancelAuthorization',
      types: {
        CancelAuthorization: [
          { name: 'authorizer', type: 'address' },
          { name: 'nonce', type: 'bytes32' },
        ],
      },
      message: { authorizer: payer.address, nonce },
    });
    await transact('cancelAuthorization', [payer.address, nonce, signature]);
    await expect(call('authorizationState', [payer.address, nonce])).resolves.toBe(`0x${'1'.padStart(64, '0')}`);
    await expect(packed(terms(4))).rejects.toThrow('FiatTokenV2: authorization is used or canceled');
  });

  it('asks a payer with code by EIP-1271, and only so', async () => {
    const wallet = await chain.deploySmartWallet(payer.address);
    await chain.mint(wallet, ONE_USDC);
    await packed(terms(5, { from: wallet }));
    expect(await chain.balanceOf(wallet)).toBe(ONE_USDC - 1_000n);
    await expect(packed(terms(6, { from: wallet }), await sign(terms(6, { from: wallet }), payee.privateKey))).rejects.toThrow(
      'FiatTokenV2: invalid signature',
    );
  });

  it('runs a batch in which one call may fail', async () => {
    const { DevMulticall3 } = await devContracts();
    const inner = (t: Terms, signature: Hex) =>
      encodeFunctionData({ abi: usdc.abi, functionName: 'transferWithAuthorization', args: [...flat(t), signature] });
    const good = inner(terms(7), await sign(terms(7)));
    const bad = inner(terms(1), await sign(terms(1)));
    const before = await chain.balanceOf(payee.address);
    const data = encodeFunctionData({
      abi: DevMulticall3.abi,
      functionName: 'aggregate3',
      args: [[bad, good].map((callData) => ({ target: chain.usdc, allowFailure: true, callData }))],
    });
    await send({ to: MULTICALL3_ADDRESS, data });
    expect((await chain.balanceOf(payee.address)) - before).toBe(1_000n);
  });

  it('waits for mine() when automine is off, also for its own minting', async () => {
    await chain.setAutomine(false);
    mining = false;
    const before = await chain.balanceOf(payee.address);
    await packed(terms(8));
    expect(await chain.balanceOf(payee.address)).toBe(before);
    await chain.mine();
    expect(await chain.balanceOf(payee.address)).toBe(before + 1_000n);
    await chain.mint(payee.address, 5n);
    expect(await chain.balanceOf(payee.address)).toBe(before + 1_005n);
    await chain.setAutomine(true);
  });
});
