import type { Hex } from '../domain/networks';
import { authorizationStateCall, decodeAggregate3, type Call } from './multicall';

/** Calls whose answer is one word, written by hand: every paid request passes here. */
const GET_BLOCK_NUMBER: Hex = '0x42cbb15c';
const GET_BLOCK_TIMESTAMP: Hex = '0x0f28c97d';
const BALANCE_OF = '0x70a08231';
const WORD_CHARS = 64;

export const blockNumberOf = (multicall: Hex): Call => ({ target: multicall, callData: GET_BLOCK_NUMBER });
export const blockTimestampOf = (multicall: Hex): Call => ({ target: multicall, callData: GET_BLOCK_TIMESTAMP });
export const balanceOf = (token: Hex, account: Hex): Call => ({
  target: token,
  callData: `${BALANCE_OF}${account.slice(2).padStart(WORD_CHARS, '0')}`,
});
export const authorizationStateOf = (token: Hex, authorizer: Hex, nonce: Hex): Call => ({
  target: token,
  callData: authorizationStateCall(authorizer, nonce),
});

/** The words that the calls gave. Throws when one of them gave anything else. */
export function wordsOf(answer: unknown, count: number): bigint[] {
  if (typeof answer !== 'string' || !answer.startsWith('0x')) throw new Error('Multicall3 returned nothing');
  const results = decodeAggregate3(answer as Hex);
  if (results.length !== count) throw new Error('Multicall3 returned another number of results');
  return results.map(({ success, returnData }) => {
    if (!success || returnData.length !== 2 + WORD_CHARS) throw new Error('a call of Multicall3 gave no word');
    return BigInt(returnData);
  });
}
