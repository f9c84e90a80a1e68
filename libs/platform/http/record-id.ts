import { z } from 'zod';
import { TollboxError } from '../errors/tollbox-error';

/**
 * The id of a record in a path.
 * @throws TollboxError `not_found` for a text that is no UUID: it names no record, and PostgreSQL would fail on it
 */
export function recordId(text: string, what: string): string {
  if (z.uuid().safeParse(text).success) return text;
  throw new TollboxError('not_found', {
    message: `There is no ${what} with this id.`,
    suggestion: `Ids of ${what}s are UUIDs, as the lists show them.`,
  });
}
