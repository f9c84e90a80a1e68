import { readFileSync } from 'node:fs';
import path from 'node:path';
import { PAYMENT_STATES, PAYMENT_TRANSITIONS, RESERVING_STATES } from './payment-state';

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

  it('are over in the database for exactly the states that reserve nothing', () => {
    const file = path.join(__dirname, '../../../prisma/migrations/20261121001070_updates_in_place/migration.sql');
    const over = /"outcome" TEXT GENERATED ALWAYS AS \(CASE WHEN state IN \((.*?)\) THEN state END\)/.exec(
      readFileSync(file, 'utf8'),
    );
    const live: readonly string[] = RESERVING_STATES;
    expect((over?.[1] ?? '').replaceAll("'", '').split(', ').sort()).toEqual(
      PAYMENT_STATES.filter((state) => !live.includes(state)).sort(),
    );
  });
});
