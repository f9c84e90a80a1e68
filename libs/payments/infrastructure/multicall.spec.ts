import { encodeAbiParameters, encodeErrorResult, encodeFunctionData, parseAbi } from 'viem';
import { authorizationStateCall, decodeAggregate3, encodeAggregate3, revertText } from './multicall';
import { transferCallData } from './transfer-call';
import { multicall3Abi, usdcAbi } from './usdc-abi';

const target = '0x036cbd53842c5426634e7929541ec2318f3dcf7e';
const nonce = `0x${'5a'.repeat(32)}` as const;

/** The hot path encodes by hand; viem says whether it is right. */
describe('calls through Multicall3', () => {
  it.each([[[]], [['0x']], [['0x01', `0x${'ab'.repeat(32)}`, `0x${'cd'.repeat(33)}`]]] as const)('are encoded: %j', (data) => {
    const calls = data.map((callData) => ({ target, callData }) as const);
    const args = [calls.map((call) => ({ ...call, allowFailure: true }))] as const;
    expect(encodeAggregate3(calls)).toBe(encodeFunctionData({ abi: multicall3Abi, functionName: 'aggregate3', args }));
  });

  it('are decoded', () => {
    const results = [
      { success: true, returnData: `0x${'01'.repeat(32)}` },
      { success: false, returnData: '0x' },
      { success: false, returnData: `0x${'02'.repeat(70)}` },
    ] as const;
    const tuple = [
      {
        type: 'tuple[]',
        components: [
          { name: 'success', type: 'bool' },
          { name: 'returnData', type: 'bytes' },
        ],
      },
    ];
    const data = encodeAbiParameters(tuple, [results]);
    expect(decodeAggregate3(data)).toEqual(results);
    expect(() => decodeAggregate3(data.slice(0, 200) as `0x${string}`)).toThrow('too little');
  });

  it('tell why they failed', () => {
    const abi = parseAbi(['error Error(string message)']);
    expect(revertText(encodeErrorResult({ abi, errorName: 'Error', args: ['too poor: ü'] }))).toBe('too poor: ü');
    expect(revertText('0x')).toBe('');
  });
});

it('transfers and states are encoded as the token expects them', () => {
  expect(authorizationStateCall(target, nonce)).toBe(
    encodeFunctionData({ abi: usdcAbi, functionName: 'authorizationState', args: [target, nonce] }),
  );
  const authorization = { from: target, to: target, valueAtomic: 7n, validAfter: 8n, validBefore: 9n, nonce } as const;
  const common = [target, target, 7n, 8n, 9n, nonce] as const;
  const [r, s] = [`0x${'11'.repeat(32)}`, `0x${'22'.repeat(32)}`] as const;
  for (const [v, byte] of [
    [27, '1b'],
    [28, '1c'],
    [27, '00'],
    [28, '01'],
  ] as const)
    expect(transferCallData(authorization, `0x${'11'.repeat(32)}${'22'.repeat(32)}${byte}`)).toBe(
      encodeFunctionData({ abi: usdcAbi, functionName: 'transferWithAuthorization', args: [...common, v, r, s] }),
    );
});
