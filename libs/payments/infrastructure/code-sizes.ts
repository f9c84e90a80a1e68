import type { RpcCall } from '@tollbox/platform/chain/json-rpc';
import { ChainUnavailableError } from '../application/ports/evm-chain';
import type { Hex } from '../domain/networks';

/**
 * A program that is called without being deployed: each 32-byte word behind it is an address, and it answers with the size
 * of that account's code. One call asks for a whole batch, where eth_getCode would be one call an account.
 *
 * n = codesize - 0x21; codecopy(0, 0x21, n); for (i = 0; i < n; i += 32) mem[i] = extcodesize(mem[i]); return(0, n)
 */
const PROGRAM = '602138038060215f395f5b81811015601d5780513b8152602001600a565b505ff3';
const WORD_CHARS = 64;

export const codeSizesCall = (accounts: readonly Hex[]): RpcCall => ({
  method: 'eth_call',
  params: [{ data: `0x${PROGRAM}${accounts.map((account) => account.slice(2).padStart(WORD_CHARS, '0')).join('')}` }, 'latest'],
});

/** Those of the accounts, in the order of the call, that the answer gives code. @throws when it is not a word for each. */
export function accountsWithCode(accounts: readonly Hex[], answer: unknown): Hex[] {
  if (typeof answer !== 'string' || answer.length !== 2 + accounts.length * WORD_CHARS)
    throw new ChainUnavailableError('the node does not tell which accounts have code');
  return accounts.filter((_, index) => /[^0]/.test(answer.slice(2 + index * WORD_CHARS, 2 + (index + 1) * WORD_CHARS)));
}
