import type { Transfer } from '../application/ports/settlement-wallet';
import { MULTICALL3, type Hex } from '../domain/networks';
import type { Call } from './multicall';
import { authorizationStateOf, balanceOf, blockTimestampOf, wordsOf } from './multicall-reads';

/** `paused()` and `isBlacklisted(address)` of USDC. */
const PAUSED: Hex = '0x5c975abb';
const IS_BLACKLISTED = '0xfe575a87';
/** An authorization that ends sooner than this is not left to reads. */
const LEAST_TIME_LEFT_S = 30n;

interface Parties {
  readonly payers: readonly Hex[];
  readonly recipients: readonly Hex[];
}

function partiesOf(transfers: readonly Transfer[]): Parties {
  return {
    payers: [...new Set(transfers.map(({ authorization }) => authorization.from))],
    recipients: [...new Set(transfers.map(({ authorization }) => authorization.to))],
  };
}

const isBlacklisted = (token: Hex, account: Hex): Call => ({
  target: token,
  callData: `${IS_BLACKLISTED}${account.slice(2).padStart(64, '0')}`,
});

/**
 * All that USDC's rules of a transfer are about, beside the signature, which the claim has checked: reads of state cost a
 * node a small part of what running the transfers does.
 */
export function transferReads(token: Hex, transfers: readonly Transfer[]): Call[] {
  const { payers, recipients } = partiesOf(transfers);
  return [
    blockTimestampOf(MULTICALL3),
    { target: token, callData: PAUSED },
    ...[...recipients, ...payers].map((account) => isBlacklisted(token, account)),
    ...payers.map((payer) => balanceOf(token, payer)),
    ...transfers.map(({ authorization }) => authorizationStateOf(token, authorization.from, authorization.nonce)),
  ];
}

/** Whether the answer to `transferReads` speaks for every transfer in the company of the others. */
export function areAllPayable(transfers: readonly Transfer[], answer: unknown): boolean {
  const { payers, recipients } = partiesOf(transfers);
  let words: bigint[];
  try {
    words = wordsOf(answer, 2 + recipients.length + payers.length * 2 + transfers.length);
  } catch {
    return false; // a token without these reads, or a node that cannot run them: the transfers are run
  }
  const [nowS = 0n, paused] = words;
  const balances = words.splice(2 + recipients.length + payers.length, payers.length);
  const arePermitted = paused === 0n && words.slice(2).every((word) => word === 0n);
  const due = new Map<Hex, bigint>();
  for (const { authorization } of transfers)
    due.set(authorization.from, (due.get(authorization.from) ?? 0n) + authorization.valueAtomic);
  const areCovered = payers.every((payer, index) => (balances[index] ?? 0n) >= (due.get(payer) ?? 0n));
  const nonces = new Set(transfers.map(({ authorization }) => `${authorization.from}:${authorization.nonce}`));
  const areInTime = transfers.every(
    ({ authorization }) => authorization.validAfter < nowS && authorization.validBefore > nowS + LEAST_TIME_LEFT_S,
  );
  return arePermitted && areCovered && areInTime && nonces.size === transfers.length;
}
