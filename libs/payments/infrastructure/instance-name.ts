import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';

/** Names this process among all that share the database; a restarted process is another one. */
export function instanceName(role: string): string {
  return `${role}@${hostname()}:${process.pid}:${randomBytes(4).toString('hex')}`;
}
