import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { ACCOUNTS, definitionOf } from '@tollbox/ledger/domain/accounts';
import { JOURNAL_EVENTS } from '@tollbox/ledger/domain/events';
import { HELPERS, POSTING_EXAMPLES } from '../support/ledger/posting-examples';

const ROOT = path.join(__dirname, '../..');
const POSTINGS = path.join(ROOT, 'libs/ledger/domain/postings');
const RULE_BOOK = readFileSync(path.join(ROOT, 'docs/postings.md'), 'utf8');

/** `<file>.<function>` of everything that the posting files export and that can be called. */
function exportedFunctions(): string[] {
  return readdirSync(POSTINGS)
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.spec.ts'))
    .flatMap((file) => {
      const name = path.basename(file, '.ts');
      const exported = jest.requireActual<Record<string, unknown>>(path.join(POSTINGS, file));
      return Object.keys(exported)
        .filter((key) => typeof exported[key] === 'function')
        .map((key) => `${name}.${key}`);
    });
}

/** The cells of the table rows under a heading, without the code marks. */
function tableUnder(heading: string): string[][] {
  const section = RULE_BOOK.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  return section
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|').slice(1, -1))
    .map((cells) => cells.map((cell) => cell.trim().replaceAll('`', '')));
}

const general = (account: string): string => (account.startsWith('revenue:') ? 'revenue:<operation>' : account);
const rowOf = (by: string, event: string, debit: string, credit: string): string =>
  `| \`${event}\` | \`${debit}\` | \`${credit}\` | when it happens | \`${by}\` |`;

describe('docs/postings.md, the rule book', () => {
  const booked = Object.entries(POSTING_EXAMPLES).flatMap(([by, postings]) =>
    postings.map(({ event, debit, credit }) => rowOf(by, event, general(debit), general(credit))),
  );
  const written = tableUnder('Events').map(([event = '', debit = '', credit = '', , by = '']) => rowOf(by, event, debit, credit));

  it('has an example of every posting function', () => {
    const missing = exportedFunctions()
      .filter((name) => !(name in POSTING_EXAMPLES) && !HELPERS.includes(name))
      .map(
        (name) =>
          `${name}: add to POSTING_EXAMPLES (test/support/ledger/posting-examples.ts) what it books in each of its cases, and to docs/postings.md a row for each leg; a function that books nothing goes to HELPERS`,
      );
    expect(missing).toEqual([]);
    const gone = [...Object.keys(POSTING_EXAMPLES), ...HELPERS].filter((name) => !exportedFunctions().includes(name));
    expect(gone.map((name) => `${name}: no such function in libs/ledger/domain/postings`)).toEqual([]);
  });

  it('has a row for everything that is booked, and books everything that has a row', () => {
    const add = [...new Set(booked)].filter((row) => !written.includes(row));
    expect(add.map((row) => `docs/postings.md, Events: add ${row}`)).toEqual([]);
    const extra = written.filter((row) => !booked.includes(row));
    expect(extra.map((row) => `docs/postings.md, Events: no example books ${row}`)).toEqual([]);
    expect(new Set(written).size).toBe(written.length);
    for (const [event, , , when] of tableUnder('Events')) expect(`${event}: ${when}`).toMatch(/: .{8,}/);
  });

  it('is of all events that the journal knows', () => {
    const events = [...tableUnder('Events'), ...tableUnder('What the database books itself')].map(([event]) => event);
    expect([...JOURNAL_EVENTS].sort()).toEqual([...new Set(events)].sort());
  });

  it('moves within one asset', () => {
    for (const { debit, credit } of Object.values(POSTING_EXAMPLES).flat())
      expect(definitionOf(debit).asset).toBe(definitionOf(credit).asset);
  });

  it('lists the chart of accounts', () => {
    const chart = Object.entries(ACCOUNTS).map(([code, { type, asset, meaning }]) => [code, type, asset, meaning]);
    const listed = tableUnder('Accounts');
    const missing = chart.filter((row) => !listed.some((other) => other.join('|') === row.join('|')));
    expect(missing.map((row) => `docs/postings.md, Accounts: add | \`${row[0]}\` | ${row.slice(1).join(' | ')} |`)).toEqual([]);
    expect(
      listed.map(([code]) => code).filter((code) => code !== 'revenue:<operation>' && !Object.hasOwn(ACCOUNTS, code ?? '')),
    ).toEqual([]);
  });
});
