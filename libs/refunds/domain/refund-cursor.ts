/** A place between two refunds in the order newest request first. */
export interface RefundCursor {
  /** ISO 8601 in UTC, to the millisecond, as the database keeps it. */
  readonly requestedAt: string;
  readonly id: string;
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

export function encodeRefundCursor({ requestedAt, id }: RefundCursor): string {
  return Buffer.from(`${requestedAt} ${id}`, 'utf8').toString('base64url');
}

/** Null for a text that is none of ours. */
export function decodeRefundCursor(text: string): RefundCursor | null {
  const [requestedAt = '', id = '', ...rest] = Buffer.from(text, 'base64url').toString('utf8').split(' ');
  const isOurs = rest.length === 0 && UUID.test(id) && INSTANT.test(requestedAt) && !Number.isNaN(Date.parse(requestedAt));
  return isOurs ? { requestedAt, id } : null;
}
