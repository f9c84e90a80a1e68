import path from 'node:path';
import type { FileEntry, FileType } from '../../../application/ports/provider-files';
import { AgentProtocolError } from './frames';

const HEAD_BYTES = 29;
const MAX_TEXT_BYTES = 4_096;
const TYPES: Readonly<Record<string, FileType>> = { f: 'file', d: 'directory', l: 'symlink', o: 'other' };
/** The users of a sandbox's fixed /etc/passwd; others have only a number. */
const USERS: ReadonlyMap<number, string> = new Map([
  [0, 'root'],
  [65_534, 'nobody'],
]);
const GROUPS: ReadonlyMap<number, string> = new Map([
  [0, 'root'],
  [65_534, 'nogroup'],
]);

function readText(data: Buffer, at: number): { text: string; next: number } {
  const length = at + 4 <= data.length ? data.readUInt32LE(at) : MAX_TEXT_BYTES + 1;
  const next = at + 4 + length;
  if (length > MAX_TEXT_BYTES || next > data.length) throw new AgentProtocolError('an entry is cut off');
  return { text: data.toString('utf8', at + 4, next), next };
}

function readNumber(data: Buffer, at: number): number {
  const value = data.readBigUInt64LE(at);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new AgentProtocolError('a number of an entry is too large');
  return Number(value);
}

/**
 * Entries as the agent's `file list` and `file stat` print them: u8 type, u32 mode, u32 user, u32 group, u64 size, u64
 * seconds, name, link target.
 * @param directory of a list, whose entries are names; null for a stat, whose entry is a path
 * @throws AgentProtocolError for anything else
 */
export function parseEntries(data: Buffer, directory: string | null): FileEntry[] {
  const entries: FileEntry[] = [];
  for (let at = 0; at < data.length;) {
    if (at + HEAD_BYTES > data.length) throw new AgentProtocolError('an entry is cut off');
    const type = TYPES[String.fromCharCode(data.readUInt8(at))];
    if (type === undefined) throw new AgentProtocolError('an entry of no type');
    const name = readText(data, at + HEAD_BYTES);
    const link = readText(data, name.next);
    if (directory !== null && (name.text === '' || name.text.includes('/')))
      throw new AgentProtocolError('an entry that is not in the directory');
    const [user, group] = [data.readUInt32LE(at + 5), data.readUInt32LE(at + 9)];
    const fullPath = directory === null ? path.posix.normalize(name.text) : path.posix.join(directory, name.text);
    entries.push({
      name: path.posix.basename(fullPath),
      path: fullPath,
      type,
      sizeBytes: readNumber(data, at + 13),
      mode: data.readUInt32LE(at + 1) & 0o7777,
      owner: USERS.get(user) ?? String(user),
      group: GROUPS.get(group) ?? String(group),
      modifiedAt: new Date(Math.min(readNumber(data, at + 21), 8_640_000_000_000) * 1_000),
      symlinkTarget: type === 'symlink' ? link.text : null,
    });
    at = link.next;
  }
  return entries;
}
