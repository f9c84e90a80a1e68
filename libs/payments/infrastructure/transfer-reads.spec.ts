import { encodeFunctionData, encodeFunctionResult, parseAbi } from 'viem';
import type { Transfer } from '../application/ports/settlement-wallet';
import type { Hex } from '../domain/networks';
import { areAllPayable, transferReads } from './transfer-reads';
import { multicall3Abi } from './usdc-abi';

const TOKEN: Hex = '0x036cbd53842c5426634e7929541ec2318f3dcf7e';
const PAY_TO: Hex = `0x${'11'.repeat(20)}`;
const [ANN, BOB]: [Hex, Hex] = [`0x${'aa'.repeat(20)}`, `0x${'bb'.repeat(20)}`];
const NOW_S = 1_000n;

const transfer = (from: Hex, nonce: number, more: Partial<Transfer['authorization']> = {}): Transfer => ({
  authorization: {
    ...{ from, to: PAY_TO, valueAtomic: 10n, validAfter: 0n, validBefore: NOW_S + 31n },
    nonce: `0x${nonce.toString(16).padStart(64, '0')}`,
    ...more,
  },
  signature: '0x',
});
const TRANSFERS = [transfer(ANN, 1), transfer(BOB, 2), transfer(ANN, 3)];

interface State {
  readonly paused?: bigint;
  readonly blacklisted?: readonly [payTo: bigint, ann: bigint, bob: bigint];
  readonly balances?: readonly [ann: bigint, bob: bigint];
  readonly used?: readonly bigint[];
}

const answerOf = ({ paused = 0n, blacklisted = [0n, 0n, 0n], balances = [20n, 10n], used = [0n, 0n, 0n] }: State): Hex =>
  encodeFunctionResult({
    abi: multicall3Abi,
    functionName: 'aggregate3',
    result: [NOW_S, paused, ...blacklisted, ...balances, ...used].map((word) => ({
      success: true,
      returnData: `0x${word.toString(16).padStart(64, '0')}` as const,
    })),
  });

describe('reads before a batch is sent', () => {
  it('ask the token for its state as a general coder does', () => {
    const abi = parseAbi(['function paused() view returns (bool)', 'function isBlacklisted(address) view returns (bool)']);
    const calls = transferReads(TOKEN, TRANSFERS);
    expect(calls).toHaveLength(10);
    expect(calls[1]).toEqual({ target: TOKEN, callData: encodeFunctionData({ abi, functionName: 'paused' }) });
    expect(calls.slice(2, 5).map(({ callData }) => callData)).toEqual(
      [PAY_TO, ANN, BOB].map((account) => encodeFunctionData({ abi, functionName: 'isBlacklisted', args: [account] })),
    );
  });

  it('speak for transfers that are unused, covered together, in time and permitted', () => {
    expect(areAllPayable(TRANSFERS, answerOf({}))).toBe(true);
  });

  it.each<[string, State]>([
    ['a paused token', { paused: 1n }],
    ['a recipient on the blacklist', { blacklisted: [1n, 0n, 0n] }],
    ['a payer on the blacklist', { blacklisted: [0n, 0n, 1n] }],
    ['a balance that covers one of two transfers', { balances: [19n, 10n] }],
    ['a used nonce', { used: [0n, 0n, 1n] }],
  ])('speak against %s', (_, state) => {
    expect(areAllPayable(TRANSFERS, answerOf(state))).toBe(false);
  });

  it.each([
    ['that is about to end', transfer(BOB, 2, { validBefore: NOW_S + 30n })],
    ['that is not valid yet', transfer(BOB, 2, { validAfter: NOW_S })],
    ['with the nonce of another', transfer(ANN, 1)],
  ])('speak against an authorization %s', (_, one) => {
    const transfers = [...TRANSFERS.slice(0, 1), one, ...TRANSFERS.slice(2)];
    const balances = one.authorization.from === BOB ? [20n, 10n] : [30n];
    const words = [NOW_S, 0n, 0n, ...balances.map(() => 0n), ...balances, 0n, 0n, 0n];
    const result = words.map((word) => ({ success: true, returnData: `0x${word.toString(16).padStart(64, '0')}` as const }));
    expect(areAllPayable(transfers, encodeFunctionResult({ abi: multicall3Abi, functionName: 'aggregate3', result }))).toBe(
      false,
    );
  });

  it.each([['0x'], [undefined], [answerOf({ used: [0n] })]])('speak for nothing when the answer is %s', (answer) => {
    expect(areAllPayable(TRANSFERS, answer)).toBe(false);
  });
});
