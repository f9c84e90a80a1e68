import { readFileSync } from 'node:fs';
import path from 'node:path';
import { PAYMENT_STATES, PAYMENT_TRANSITIONS } from './payment-state';

/** The transitions that the database's trigger lists. */
function transitionsInDatabase(): string[] {
  const migrations = path.join(__dirname, '../../../prisma/migrations/20261121000310_gateway_path/migration.sql');
  const guard = /FUNCTION payments_guard[\s\S]*?NOT IN \(([\s\S]*?)\)\s+THEN/.exec(readFileSync(migrations, 'utf8'));
  return [...(guard?.[1] ?? '').matchAll(/'([a-z]+>[a-z]+)'/g)].map((match) => match[1] ?? '').sort();
}

describe('payment transitions', () => {
  it('are the same in the code and in the database', () => {
    const inCode = PAYMENT_STATES.flatMap((from) => PAYMENT_TRANSITIONS[from].map((to) => `${from}>${to}`)).sort();
    expect(transitionsInDatabase()).toEqual(inCode);
  });
});
