import type { Hex } from '../domain/networks';

/** `aggregate3((address,bool,bytes)[])` */
const AGGREGATE3 = '0x82ad56cb';
/** `authorizationState(address,bytes32)` */
const AUTHORIZATION_STATE = '0xe94a0102';
/** `Error(string)` */
const ERROR_STRING = '08c379a0';

export interface Call {
  readonly target: Hex;
  readonly callData: Hex;
}

export interface CallResult {
  readonly success: boolean;
  readonly returnData: Hex;
}

const word = (value: number): string => value.toString(16).padStart(64, '0');
const address = (value: Hex): string => value.slice(2).padStart(64, '0');

export const authorizationStateCall = (authorizer: Hex, nonce: Hex): Hex =>
  `${AUTHORIZATION_STATE}${address(authorizer)}${nonce.slice(2)}`;

/** Call data of `aggregate3` in which every call may fail. */
export function encodeAggregate3(calls: readonly Call[]): Hex {
  const tuples = calls.map(({ target, callData }) => {
    const bytes = callData.slice(2);
    const padded = bytes.padEnd(Math.ceil(bytes.length / 64) * 64, '0');
    return `${address(target)}${word(1)}${word(96)}${word(bytes.length / 2)}${padded}`;
  });
  let offset = calls.length * 32;
  const offsets = tuples.map((tuple) => {
    const at = word(offset);
    offset += tuple.length / 2;
    return at;
  });
  return `${AGGREGATE3}${word(32)}${word(calls.length)}${offsets.join('')}${tuples.join('')}`;
}

/** @throws when the data is not the `Result[]` of `aggregate3`. */
export function decodeAggregate3(data: Hex): readonly CallResult[] {
  const hex = data.slice(2);
  const numberAt = (byte: number): number => {
    const text = hex.slice(byte * 2, byte * 2 + 64);
    if (text.length !== 64) throw new Error('Multicall3 answered too little');
    return Number(BigInt(`0x${text}`));
  };
  const list = numberAt(0);
  return Array.from({ length: numberAt(list) }, (_, index) => {
    const tuple = list + 32 + numberAt(list + 32 + index * 32);
    const bytes = tuple + numberAt(tuple + 32);
    const length = numberAt(bytes);
    return { success: numberAt(tuple) === 1, returnData: `0x${hex.slice((bytes + 32) * 2, (bytes + 32 + length) * 2)}` };
  });
}

/** The text of a `require` that failed; empty when the revert carries none. */
export function revertText(returnData: Hex): string {
  const hex = returnData.slice(2);
  if (!hex.startsWith(ERROR_STRING)) return '';
  const length = Number(BigInt(`0x${hex.slice(72, 136)}`));
  return Buffer.from(hex.slice(136, 136 + length * 2), 'hex').toString('utf8');
}
