import { z } from 'zod';
import { cursorOf, cursorSerial } from './cursor';
import { parseOrRefuse } from './parse-or-refuse';
import { instantParameter, limitParameter, textParameter, transactionParameter, walletParameter } from './query-parameters';

const query = z.strictObject({
  limit: limitParameter('Rows', 20, 5),
  cursor: cursorOf(z.tuple([cursorSerial])).parameter,
  state: z.enum(['queued', 'settled']).optional(),
  payment_id: z.uuid().optional(),
  wallet: walletParameter('Wallet.'),
  transaction: transactionParameter('Transaction.'),
  account: textParameter(10, 'Account.'),
  from: instantParameter('From.'),
});
const problemOf = (input: Record<string, unknown>): unknown => {
  try {
    return parseOrRefuse(query, input, 'invalid_query');
  } catch (error) {
    return (error as { details: readonly { message: string }[] }).details.map(({ message }) => message);
  }
};

describe('a wrong parameter', () => {
  it.each([
    [{ limit: '100000' }, '`limit` is "100000"; it must be a whole number from 1 to 20'],
    [{ limit: '0' }, '`limit` is "0"; it must be a whole number from 1 to 20'],
    [{ limit: '1e1' }, '`limit` is "1e1"; it must be a whole number from 1 to 20'],
    [{ limit: ['1', '2'] }, '`limit` is given more than once; it must be given once, as a whole number from 1 to 20'],
    [{ cursor: 'AAAA' }, '`cursor` is "AAAA"; it must be a cursor of this list: `next_cursor` of the page before'],
    [
      { cursor: 'A'.repeat(700) },
      '`cursor` is too long or no text; it must be a cursor of this list: `next_cursor` of the page before',
    ],
    [{ state: 'setled' }, '`state` is "setled"; it must be one of queued, settled; did you mean `settled`?'],
    [{ payment_id: '7' }, '`payment_id` is "7"; it must be a UUID, for example `019a0b5c-7d10-7c3e-9a51-2f6d8a1c4e90`'],
    [{ wallet: '0x12' }, '`wallet` is "0x12"; it must be an EVM address: 0x and 40 hex digits'],
    [{ transaction: '0x12' }, '`transaction` is "0x12"; it must be a transaction hash: 0x and 64 hex digits'],
    [{ account: '' }, '`account` is ""; it must be a text of 1 to 10 characters'],
    [
      { from: 'yesterday' },
      '`from` is "yesterday"; it must be a time with its zone (ISO 8601), for example `2026-11-01T00:00:00Z`',
    ],
    [
      { wallt: '0x12' },
      '`wallt` is no parameter of this route, which takes limit, cursor, state, payment_id, wallet, transaction, account, from; did you mean `wallet`?',
    ],
  ])('is named with what was given and what is allowed: %j', (input, message) => {
    expect(problemOf(input)).toEqual([message]);
  });

  it('stands beside the others', () => {
    expect(problemOf({ limit: '-1', state: 'x', more: '1' })).toHaveLength(3);
  });
});

describe('right parameters', () => {
  it('are read, with their defaults', () => {
    expect(problemOf({})).toEqual({ limit: 5 });
    expect(problemOf({ limit: '20', wallet: `0x${'A'.repeat(40)}`, from: '2026-11-01T00:00:00+01:00' })).toEqual({
      limit: 20,
      wallet: `0x${'a'.repeat(40)}`,
      from: new Date('2026-10-31T23:00:00Z'),
    });
  });
});
