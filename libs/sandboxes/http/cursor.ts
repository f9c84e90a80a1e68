import type { SandboxCursor } from '../application/ports/sandbox-queries';
import { isSandboxId } from '../domain/sandbox-id';

const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

/** The cursor as an opaque text for callers. */
export function encodeCursor({ createdAt, id }: SandboxCursor): string {
  return Buffer.from(`${createdAt.toISOString()} ${id}`, 'utf8').toString('base64url');
}

/** The cursor behind a text, or undefined when the text is none of ours. */
export function decodeCursor(text: string): SandboxCursor | undefined {
  const [createdAt = '', id = '', ...rest] = Buffer.from(text, 'base64url').toString('utf8').split(' ');
  if (rest.length > 0 || !isSandboxId(id) || !INSTANT.test(createdAt)) return undefined;
  const date = new Date(createdAt);
  return Number.isNaN(date.getTime()) ? undefined : { createdAt: date, id };
}
