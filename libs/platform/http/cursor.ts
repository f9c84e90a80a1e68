import { z } from 'zod';

const MAX_CURSOR_LENGTH = 600;
const NO_CURSOR = 'a cursor of this list: `next_cursor` of the page before';
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

/** A time in a cursor: ISO 8601 in UTC, to the millisecond, as the database keeps it. */
export const cursorInstant = z.string().refine((text) => INSTANT.test(text) && !Number.isNaN(Date.parse(text)));

/** A BIGSERIAL in a cursor. */
export const cursorSerial = z.string().regex(/^(0|[1-9][0-9]{0,17})$/);

/**
 * A cursor is the place of the last row of a page in the unique order of its list: the columns of that order, encoded. The
 * next page starts behind that place, so rows that arrive meanwhile neither repeat nor hide another.
 */
export interface CursorCodec<Place extends readonly unknown[]> {
  /** The place as an opaque text for callers. */
  encode(place: Place): string;
  /** The `cursor` parameter of a list: the place behind a text, or an issue when the text is none of ours. */
  readonly parameter: z.ZodType<Place | undefined, string | undefined>;
}

/** @param place schema of the ordering columns, as they are in JSON */
export function cursorOf<Place extends readonly unknown[]>(place: z.ZodType<Place>): CursorCodec<Place> {
  return {
    encode: (value) => Buffer.from(JSON.stringify(value), 'utf8').toString('base64url'),
    parameter: z
      .string()
      .max(MAX_CURSOR_LENGTH, NO_CURSOR)
      .transform((text, context) => {
        const parsed = place.safeParse(jsonOf(text));
        if (parsed.success) return parsed.data;
        context.addIssue({ code: 'custom', message: NO_CURSOR });
        return z.NEVER;
      })
      .optional()
      .describe('`next_cursor` of the page before.'),
  };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}
