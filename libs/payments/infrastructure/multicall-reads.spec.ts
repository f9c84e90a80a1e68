import { encodeFunctionResult, encodeFunctionData } from 'viem';
import { MULTICALL3, type Hex } from '../domain/networks';
import { encodeAggregate3 } from './multicall';
import { authorizationStateOf, balanceOf, blockNumberOf, blockTimestampOf, wordsOf } from './multicall-reads';
import { multicall3Abi, usdcAbi } from './usdc-abi';

const TOKEN: Hex = '0x036cbd53842c5426634e7929541ec2318f3dcf7e';
const PAYER: Hex = '0x90f79bf6eb2c4f870365e785982e1f101e93b906';
const NONCE: Hex = `0x${'ab'.repeat(32)}`;

describe('reads through Multicall3', () => {
  it('are written as a general coder writes them', () => {
    const calls = [
      blockNumberOf(MULTICALL3),
      blockTimestampOf(MULTICALL3),
      balanceOf(TOKEN, PAYER),
      authorizationStateOf(TOKEN, PAYER, NONCE),
    ];
    const expected = [
      [MULTICALL3, encodeFunctionData({ abi: multicall3Abi, functionName: 'getBlockNumber' })],
      [MULTICALL3, encodeFunctionData({ abi: multicall3Abi, functionName: 'getCurrentBlockTimestamp' })],
      [TOKEN, encodeFunctionData({ abi: usdcAbi, functionName: 'balanceOf', args: [PAYER] })],
      [TOKEN, encodeFunctionData({ abi: usdcAbi, functionName: 'authorizationState', args: [PAYER, NONCE] })],
    ] as const;
    const args = expected.map(([target, callData]) => ({ target, allowFailure: true, callData }));
    expect(encodeAggregate3(calls)).toBe(encodeFunctionData({ abi: multicall3Abi, functionName: 'aggregate3', args: [args] }));
  });

  const answerOf = (results: { success: boolean; returnData: Hex }[]): Hex =>
    encodeFunctionResult({ abi: multicall3Abi, functionName: 'aggregate3', result: results });
  const ok = (value: bigint) => ({ success: true, returnData: `0x${value.toString(16).padStart(64, '0')}` }) as const;

  it('are read back to their words', () => {
    expect(wordsOf(answerOf([ok(7n), ok((1n << 256n) - 1n), ok(0n)]), 3)).toEqual([7n, (1n << 256n) - 1n, 0n]);
  });

  it.each([
    ['another number of results', answerOf([ok(1n)]), 2],
    ['a failed call', answerOf([{ success: false, returnData: '0x' }]), 1],
    ['two words', answerOf([{ success: true, returnData: `0x${'00'.repeat(64)}` }]), 1],
    ['an answer that was cut', answerOf([ok(1n), ok(2n)]).slice(0, -10), 2],
    ['no contract', '0x', 1],
    ['nothing', undefined, 1],
    ['nonsense', `0x${'ff'.repeat(200)}`, 1],
  ])('throw on %s', (_, answer, count) => {
    expect(() => wordsOf(answer, count)).toThrow();
  });
});
