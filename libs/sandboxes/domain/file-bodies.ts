import { z } from 'zod';

/** Limits of the routes of files. */
export interface FileLimits {
  /** Most bytes of one answer. */
  readonly maxAnswerBytes: number;
}

const MAX_PATH_BYTES = 4_095;
const MAX_NAME_BYTES = 255;
const MAX_MODE = 0o777;
/** A surrogate without its partner: no UTF-8 can hold it. */
const LONE_SURROGATE = /\p{Surrogate}/u;

const named = (path: string): string[] => path.split('/').filter((name) => name !== '' && name !== '.');

/**
 * A path inside a sandbox: absolute, well-formed, without `..`, which together with a symlink would not mean what it says.
 * Empty names and `.` are left out. What a symlink inside the sandbox makes of it is the sandbox's own business.
 */
export const sandboxPath = z
  .string({ error: 'an absolute path is needed' })
  .max(MAX_PATH_BYTES)
  .refine((path) => path.startsWith('/'), 'The path must be absolute')
  .refine((path) => !path.includes('\0'), 'The path must not contain a NUL character')
  .refine((path) => !LONE_SURROGATE.test(path), 'The path must be well-formed Unicode')
  .refine((path) => !named(path).includes('..'), 'The path must not contain ..')
  .refine((path) => Buffer.byteLength(path) <= MAX_PATH_BYTES, `The path must have at most ${MAX_PATH_BYTES} bytes`)
  .refine(
    (path) => named(path).every((name) => Buffer.byteLength(name) <= MAX_NAME_BYTES),
    `Each name in the path must have at most ${MAX_NAME_BYTES} bytes`,
  )
  .transform((path) => `/${named(path).join('/')}`);

const notRoot = sandboxPath.refine((path) => path !== '/', 'The path must name something below /');

const sandboxId = z.string().min(1).max(128);
const number = (max: number, what: string) =>
  z
    .string()
    .regex(/^(0|[1-9][0-9]{0,15})$/, `${what} must be a whole number`)
    .transform(Number)
    .pipe(z.number().max(max));
const truth = z.enum(['true', 'false']).transform((text) => text === 'true');

/** The inputs of the operations on files: path and query as texts, bodies as JSON. */
export function createFileSchemas({ maxAnswerBytes }: FileLimits) {
  const byPath = z.object({ sandbox_id: sandboxId, path: sandboxPath.describe('Absolute path in the sandbox.') });
  const belowRoot = z.object({ sandbox_id: sandboxId, path: notRoot.describe('Absolute path in the sandbox.') });
  return {
    read: byPath.extend({
      offset: number(Number.MAX_SAFE_INTEGER, 'offset').default(0).describe('Byte to begin with; 0 by default.'),
      limit: number(maxAnswerBytes, 'limit')
        .optional()
        .describe(`Most bytes, at most ${maxAnswerBytes}. Without it the rest of the file, which must not be larger.`),
    }),
    write: belowRoot.extend({
      mode: z
        .string()
        .regex(/^0?[0-7]{3}$/, 'mode must be three octal digits')
        .transform((text) => parseInt(text, 8) & MAX_MODE)
        .optional()
        .describe('Permissions in octal, 644 by default.'),
    }),
    remove: belowRoot.extend({ recursive: truth.default(false).describe('`true` removes a directory with what is in it.') }),
    makeDirectory: z.object({
      sandbox_id: sandboxId,
      path: notRoot,
      parents: z.boolean().default(false).describe('Also makes the directories above, and accepts one that is there.'),
    }),
    move: z.object({ sandbox_id: sandboxId, from: notRoot, to: notRoot.describe('A file that is there is replaced.') }),
    download: byPath,
    upload: byPath,
  } as const;
}

export type FileSchemas = ReturnType<typeof createFileSchemas>;
export type FileBody<Name extends keyof FileSchemas> = z.output<FileSchemas[Name]>;
