import { z } from 'zod';
import { isoMicros } from './answers';

const FILE_TYPES = ['file', 'directory', 'symlink', 'other'] as const;

/** What there is to say of a file. */
export interface FileFacts {
  readonly name: string;
  readonly path: string;
  readonly type: (typeof FILE_TYPES)[number];
  readonly sizeBytes: number;
  readonly mode: number;
  readonly owner: string;
  readonly group: string;
  readonly modifiedAt: Date;
  readonly symlinkTarget: string | null;
}

export const fileAnswerSchema = z.object({
  name: z.string(),
  path: z.string(),
  type: z.enum(FILE_TYPES),
  size: z.number().int().describe('Bytes.'),
  mode: z.string().describe('Permissions in octal, for example 0644.'),
  owner: z.string(),
  group: z.string(),
  modified_at: z.string().describe('ISO 8601, UTC.'),
  symlink_target: z.string().nullable().describe('Where a symlink points, as it is written.'),
});
export type FileAnswer = z.output<typeof fileAnswerSchema>;

export const filesAnswerSchema = z.object({ path: z.string(), entries: z.array(fileAnswerSchema) });
export type FilesAnswer = z.output<typeof filesAnswerSchema>;

export function fileAnswer(file: FileFacts): FileAnswer {
  return {
    name: file.name,
    path: file.path,
    type: file.type,
    size: file.sizeBytes,
    mode: `0${(file.mode & 0o7777).toString(8).padStart(3, '0')}`,
    owner: file.owner,
    group: file.group,
    modified_at: isoMicros(file.modifiedAt),
    symlink_target: file.symlinkTarget,
  };
}
