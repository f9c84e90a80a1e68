import { z } from 'zod';
import { isWellFormed, type BodyLimits } from './bodies';
import type { CellOutput } from './cell-messages';
import { textOf } from './output';
import type { ExecutionResult } from './sandbox';

export const DEFAULT_CONTEXT = 'default';

/** The body of a cell, with the sandbox of its path. */
export function createCellSchema(limits: Pick<BodyLimits, 'maxExecTimeoutS' | 'maxArgvBytes'>) {
  return z.object({
    sandbox_id: z.string().min(1).max(128),
    code: z
      .string()
      .min(1)
      .refine((text) => Buffer.byteLength(text) <= limits.maxArgvBytes, `The code must be at most ${limits.maxArgvBytes} bytes`)
      .refine((text) => !text.includes('\0') && isWellFormed(text), 'The code must be well-formed Unicode without NUL')
      .describe('Python. The value of a last expression is a result, as in a notebook; await works at the top level.'),
    context: z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,64}$/, 'A context has up to 64 letters, digits, dots, dashes and underscores')
      .default(DEFAULT_CONTEXT)
      .describe('Cells of one context share their variables. It is made by its first cell.'),
    timeout: z
      .number()
      .int()
      .min(1)
      .max(limits.maxExecTimeoutS)
      .default(limits.maxExecTimeoutS)
      .describe('Seconds after which the cell is interrupted; its context stays, unless the cell does not heed that.'),
  });
}
export type CellSchema = ReturnType<typeof createCellSchema>;
export type CellBody = z.output<CellSchema>;

export const cellAnswerSchema = z.object({
  sandbox_id: z.string(),
  context: z.string(),
  restarted: z.boolean().describe('The context started with this cell: there were no variables.'),
  ended: z.boolean().describe('The interpreter of the context ended under the cell; the next cell starts a new one.'),
  stdout: z.string(),
  stderr: z.string(),
  stdout_truncated: z.boolean(),
  stderr_truncated: z.boolean(),
  results: z.array(
    z.object({
      data: z
        .record(z.string(), z.string())
        .describe('By MIME type: text/plain, text/html, application/json, image/png (base64), …'),
      is_value: z.boolean().describe('The value of the last expression, and not something displayed.'),
    }),
  ),
  dropped_results: z.number().int().describe('Results over the limits, left out.'),
  error: z.object({ name: z.string(), value: z.string(), traceback: z.array(z.string()) }).nullable(),
  timed_out: z.boolean(),
  duration_ms: z.number().int(),
});
export type CellAnswer = z.output<typeof cellAnswerSchema>;

/** What is known of a cell when it is over. */
export interface CellRun extends ExecutionResult, Pick<CellOutput, 'results' | 'droppedResults' | 'error'> {
  readonly isRestarted: boolean;
  readonly hasEnded: boolean;
}

export function cellAnswer({ sandbox_id, context }: CellBody, run: CellRun): CellAnswer {
  return {
    sandbox_id,
    context,
    restarted: run.isRestarted,
    ended: run.hasEnded,
    stdout: textOf(run.stdout.bytes),
    stderr: textOf(run.stderr.bytes),
    stdout_truncated: run.stdout.truncated,
    stderr_truncated: run.stderr.truncated,
    results: run.results.map(({ data, isValue }) => ({ data: { ...data }, is_value: isValue })),
    dropped_results: run.droppedResults,
    error: run.error === null ? null : { ...run.error, traceback: [...run.error.traceback] },
    timed_out: run.timedOut,
    duration_ms: run.durationMs,
  };
}
