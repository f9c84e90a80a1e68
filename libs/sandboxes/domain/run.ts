import { createHash } from 'node:crypto';
import { z } from 'zod';
import { createBodySchemas, isWellFormed, orderOf, type BodyLimits } from './bodies';
import { textOf } from './output';
import type { ExecutionResult, SandboxOrder } from './sandbox';

export interface RunLimits {
  /** Files that go in, and that may come out. */
  readonly maxFiles: number;
  /** Of all files that go in together, and of all that come out. */
  readonly maxFileBytes: number;
  readonly maxStdinBytes: number;
  readonly maxEnvVariables: number;
  readonly maxEnvBytes: number;
}

const MAX_PATH_BYTES = 4_096;

const absolutePath = z
  .string()
  .max(MAX_PATH_BYTES)
  .regex(/^\/[^\0]*[^\0/]$/, 'A path must be absolute and must not end with a slash')
  .refine((path) => !path.split('/').includes('..'), 'A path must not contain ..')
  .refine(isWellFormed, 'A path must be well-formed Unicode');

const base64 = z.base64('The content of a file must be base64');
const bytesOf = (text: string): number => Buffer.byteLength(text, 'base64');

function environment(limits: RunLimits) {
  const size = (env: Record<string, string>) =>
    Object.entries(env).reduce((sum, [name, value]) => sum + name.length + Buffer.byteLength(value), 0);
  return z
    .record(
      z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'The name of a variable has letters, digits and _'),
      z.string().refine((text) => !text.includes('\0'), 'A value must not contain a NUL character'),
    )
    .refine((env) => Object.keys(env).length <= limits.maxEnvVariables, `At most ${limits.maxEnvVariables} variables`)
    .refine((env) => size(env) <= limits.maxEnvBytes, `The variables must be at most ${limits.maxEnvBytes} bytes together`);
}

/** The body of POST /v1/run. Either `code` or `command`; unknown keys are dropped, wrong types never converted. */
export function createRunBodySchema(body: BodyLimits, limits: RunLimits) {
  const { create, exec } = createBodySchemas(body);
  const file = z.object({ path: absolutePath, content: base64.describe('Base64.') });
  return z
    .object({
      ...create.pick({ image: true, cpu: true, memory: true, gpu: true, network: true }).shape,
      timeout: exec.shape.timeout.describe('Seconds after which the program is killed; the answer then has its output so far.'),
      code: z
        .string()
        .min(1)
        .refine((text) => Buffer.byteLength(text) <= body.maxArgvBytes, `The code must be at most ${body.maxArgvBytes} bytes`)
        .refine((text) => !text.includes('\0') && isWellFormed(text), 'The code must be well-formed Unicode without NUL')
        .optional()
        .describe('Python. Runs as `python3 -c`.'),
      command: exec.shape.command.optional().describe('Program and arguments, in place of code. Never run through a shell.'),
      stdin: z
        .string()
        .refine(
          (text) => Buffer.byteLength(text) <= limits.maxStdinBytes,
          `The input must be at most ${limits.maxStdinBytes} bytes`,
        )
        .optional()
        .describe('Text for the standard input.'),
      env: environment(limits).optional().describe('Variables of the program.'),
      workdir: absolutePath.optional().describe('Working directory.'),
      files: z
        .array(file)
        .max(limits.maxFiles)
        .refine(
          (files) => files.reduce((sum, { content }) => sum + bytesOf(content), 0) <= limits.maxFileBytes,
          `The files must be at most ${limits.maxFileBytes} bytes together`,
        )
        .default([])
        .describe('Files that are written before the program starts; directories are made.'),
      outputs: z.array(absolutePath).max(limits.maxFiles).default([]).describe('Files to send back after the program has ended.'),
    })
    .refine(({ code, command }) => (code === undefined) !== (command === undefined), 'Give either code or command');
}

export type RunBodySchema = ReturnType<typeof createRunBodySchema>;
export type RunBody = z.output<RunBodySchema>;

export const runAnswerSchema = z.object({
  sandbox_id: z.string().describe('The sandbox that ran it; it has ended.'),
  stdout: z.string(),
  stderr: z.string(),
  returncode: z.number().int(),
  timed_out: z.boolean(),
  stdout_truncated: z.boolean(),
  stderr_truncated: z.boolean(),
  duration_ms: z.number().int(),
  files: z
    .array(
      z.object({
        path: z.string(),
        content: z.string().nullable().describe('Base64; null when the file could not be read.'),
        size_bytes: z.number().int().nullable(),
        error: z.string().nullable().describe('Why there is no content, for example not_found or too_large.'),
      }),
    )
    .describe('The files of `outputs`, in their order.'),
});
export type RunAnswer = z.output<typeof runAnswerSchema>;
export type RunFile = RunAnswer['files'][number];

export const argvOf = ({ code, command = [] }: RunBody): readonly string[] =>
  code === undefined ? command : ['python3', '-c', code];

/** @param overheadMs the sandbox outlives the program's timeout by this: files are read after it */
export function runOrderOf(body: RunBody, overheadMs: number): SandboxOrder {
  const order = orderOf(body);
  return { ...order, lifetimeMs: order.lifetimeMs + overheadMs };
}

/** The id under which the program of a run is recorded: the run's own id is the sandbox's. A UUID of version 8 (RFC 9562). */
export function runExecutionId(operationId: string): string {
  const hex = createHash('sha256').update(`${operationId}:exec`).digest('hex');
  const variant = ((parseInt(hex.charAt(16), 16) & 0b0011) | 0b1000).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

export function runAnswer(sandboxId: string, result: ExecutionResult, files: readonly RunFile[]): RunAnswer {
  return {
    sandbox_id: sandboxId,
    stdout: textOf(result.stdout.bytes),
    stderr: textOf(result.stderr.bytes),
    returncode: result.returncode,
    timed_out: result.timedOut,
    stdout_truncated: result.stdout.truncated,
    stderr_truncated: result.stderr.truncated,
    duration_ms: result.durationMs,
    files: [...files],
  };
}
