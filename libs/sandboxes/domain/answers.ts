import { z } from 'zod';
import { textOf } from './output';
import { endReason, isUsable, type ExecutionResult, type Sandbox } from './sandbox';

/** ISO 8601 in UTC as BlockRun writes it: `2026-04-09T16:16:27.857000+00:00`. */
export function isoMicros(date: Date): string {
  return date.toISOString().replace('Z', '000+00:00');
}

const id = z.string().describe('Id of the sandbox.');
const time = z.string().describe('ISO 8601, UTC.');
const status = z.enum(['running', 'terminated']);

export const createAnswerSchema = z.object({
  sandbox_id: id,
  status,
  created_at: time,
  config: z.object({
    image: z.string(),
    timeout: z.number().describe('Lifetime in seconds.'),
    cpu: z.number(),
    memory: z.number().describe('MiB.'),
    gpu: z.string().nullable(),
  }),
  isolation: z.string().describe('How the sandbox is separated from its host: shared-kernel, gvisor or modal-gvisor.'),
  network: z.string().describe('What it can reach: none, or public (the public internet only).'),
  expires_at: time.describe('When the sandbox ends by itself. ISO 8601, UTC.'),
});
export type CreateAnswer = z.output<typeof createAnswerSchema>;

export const execAnswerSchema = z.object({
  sandbox_id: id,
  stdout: z.string(),
  stderr: z.string(),
  returncode: z.number().int(),
  timed_out: z.boolean().describe('The command was killed at its timeout; the output is what it wrote until then.'),
  stdout_truncated: z.boolean(),
  stderr_truncated: z.boolean(),
  duration_ms: z.number().int(),
});
export type ExecAnswer = z.output<typeof execAnswerSchema>;

export const statusAnswerSchema = z.object({
  sandbox_id: id,
  status,
  returncode: z.number().int().nullable(),
  reason: z.string().nullable().describe('Why it ended.'),
  expires_at: time,
});
export type StatusAnswer = z.output<typeof statusAnswerSchema>;

export const terminateAnswerSchema = z.object({ sandbox_id: id, status: z.literal('terminated') });
export type TerminateAnswer = z.output<typeof terminateAnswerSchema>;

/** The answer depends on the row alone, so that a recovered operation answers the same bytes as a live one. */
export function createAnswer(sandbox: Sandbox): CreateAnswer {
  return {
    sandbox_id: sandbox.id,
    status: 'running',
    created_at: isoMicros(sandbox.createdAt),
    config: {
      image: sandbox.image,
      timeout: sandbox.lifetimeMs / 1_000,
      cpu: sandbox.cpuMillis / 1_000,
      memory: sandbox.memoryMiB,
      gpu: sandbox.gpu,
    },
    isolation: sandbox.isolation,
    network: sandbox.networkPolicy,
    expires_at: isoMicros(sandbox.deadlineAt),
  };
}

/** Depends on the stored result alone, as above. */
export function execAnswer(sandboxId: string, result: ExecutionResult): ExecAnswer {
  return {
    sandbox_id: sandboxId,
    stdout: textOf(result.stdout.bytes),
    stderr: textOf(result.stderr.bytes),
    returncode: result.returncode,
    timed_out: result.timedOut,
    stdout_truncated: result.stdout.truncated,
    stderr_truncated: result.stderr.truncated,
    duration_ms: result.durationMs,
  };
}

export function statusAnswer(sandbox: Sandbox, nowMs: number): StatusAnswer {
  const running = isUsable(sandbox, nowMs);
  return {
    sandbox_id: sandbox.id,
    status: running ? 'running' : 'terminated',
    returncode: running ? null : sandbox.returncode,
    reason: running ? null : endReason(sandbox),
    expires_at: isoMicros(sandbox.deadlineAt),
  };
}

export function terminateAnswer(sandboxId: string): TerminateAnswer {
  return { sandbox_id: sandboxId, status: 'terminated' };
}
