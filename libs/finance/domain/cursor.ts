/** A place between two payments in the order newest claim first. */
export interface PaymentCursor {
  /** ISO 8601 in UTC, to the millisecond, as the database keeps it. */
  readonly claimedAt: string;
  readonly id: string;
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

/** The cursor as an opaque text for callers. */
export function encodeCursor(cursor: PaymentCursor): string {
  return Buffer.from(`${cursor.claimedAt} ${cursor.id}`, 'utf8').toString('base64url');
}

/** The cursor behind a text, or undefined when the text is none of ours. */
export function decodeCursor(text: string): PaymentCursor | undefined {
  const [claimedAt, id, ...rest] = Buffer.from(text, 'base64url').toString('utf8').split(' ');
  if (claimedAt === undefined || id === undefined || rest.length > 0) return undefined;
  if (!UUID.test(id) || !INSTANT.test(claimedAt) || Number.isNaN(Date.parse(claimedAt))) return undefined;
  return { claimedAt, id };
}
