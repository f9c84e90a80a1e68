import { z } from 'zod';
import { textOf } from './output';
import { isUsable, type ExecutionResult, type Sandbox } from './sandbox';
import { END_REASONS } from './sandbox-state';

/** The states of a sandbox as the Modal Sandboxes API names them. */
export const RESOURCE_STATES = ['created', 'scheduled', 'started', 'ready', 'finished', 'terminated'] as const;
export type ResourceState = (typeof RESOURCE_STATES)[number];

/** One whose end is decided, or whose sold time is over, has ended for its owner, whatever is left to do. */
export function resourceState(sandbox: Sandbox, nowMs: number): ResourceState {
  if (sandbox.state === 'finished') return 'finished';
  if (isUsable(sandbox, nowMs)) return 'ready';
  if (sandbox.desiredState === 'terminated') return 'terminated';
  if (sandbox.state === 'requested') return 'created';
  return sandbox.state === 'provisioning' || sandbox.state === 'unknown' ? 'scheduled' : 'terminated';
}

const time = z.iso.datetime();

export const sandboxResource = z.object({
  sandbox_id: z.string(),
  name: z.string().optional(),
  state: z.enum(RESOURCE_STATES),
  reason: z.enum(END_REASONS).optional().describe('Why it ended.'),
  returncode: z.number().int().optional().describe("Exit code of the sandbox's own first process, where it is known."),
  image: z.string(),
  gpu: z.string().optional(),
  cpu: z.number(),
  memory: z.number().int().describe('MiB.'),
  timeout: z.number().int().describe('Lifetime in seconds.'),
  idle_timeout: z.number().int().optional().describe('Seconds.'),
  tags: z.record(z.string(), z.string()),
  env_names: z.array(z.string()).describe('Names of the variables that were set at create.'),
  ports: z.array(z.number().int()).describe('Ports that a tunnel may reach.'),
  isolation: z.string(),
  network: z.object({ policy: z.string(), cidrs: z.array(z.string()), domains: z.array(z.string()) }),
  created_at: time,
  expires_at: time.describe('When it ends by itself.'),
});
export type SandboxResource = z.output<typeof sandboxResource>;

/** Depends on the row and the time alone. */
export function resourceOf(sandbox: Sandbox, nowMs: number): SandboxResource {
  const state = resourceState(sandbox, nowMs);
  const ended = state === 'terminated' || state === 'finished';
  return {
    sandbox_id: sandbox.id,
    ...(sandbox.name === null ? {} : { name: sandbox.name }),
    state,
    ...(ended ? { reason: sandbox.reason ?? 'deadline' } : {}),
    ...(ended && sandbox.returncode !== null ? { returncode: sandbox.returncode } : {}),
    image: sandbox.image,
    ...(sandbox.gpu === null ? {} : { gpu: sandbox.gpu }),
    cpu: sandbox.cpuMillis / 1_000,
    memory: sandbox.memoryMiB,
    timeout: Math.round(sandbox.lifetimeMs / 1_000),
    ...(sandbox.idleTimeoutMs === null ? {} : { idle_timeout: Math.round(sandbox.idleTimeoutMs / 1_000) }),
    tags: sandbox.tags,
    env_names: [...sandbox.envNames],
    ports: [...sandbox.ports],
    isolation: sandbox.isolation,
    network: {
      policy: sandbox.networkPolicy,
      cidrs: [...(sandbox.network?.cidrs ?? [])],
      domains: [...(sandbox.network?.domains ?? [])],
    },
    created_at: sandbox.createdAt.toISOString(),
    expires_at: sandbox.deadlineAt.toISOString(),
  };
}

/** The answer of a create: the sandbox as it was when it began to run, also when a recovery finds it later. */
export function createdResource(sandbox: Sandbox): SandboxResource {
  return resourceOf(
    { ...sandbox, state: 'running', desiredState: 'running' },
    (sandbox.startedAt ?? sandbox.createdAt).getTime(),
  );
}

export const processResource = z.object({
  process_id: z.string(),
  sandbox_id: z.string(),
  returncode: z.number().int(),
  stdout: z.string(),
  stderr: z.string(),
  timed_out: z.boolean().describe('The command was killed at its timeout; the output is what it wrote until then.'),
  stdout_truncated: z.boolean(),
  stderr_truncated: z.boolean(),
  duration_ms: z.number().int(),
});
export type ProcessResource = z.output<typeof processResource>;

/** Depends on the stored result alone. */
export function processOf(operationId: string, sandboxId: string, result: ExecutionResult): ProcessResource {
  return {
    process_id: operationId,
    sandbox_id: sandboxId,
    returncode: result.returncode,
    stdout: textOf(result.stdout.bytes),
    stderr: textOf(result.stderr.bytes),
    timed_out: result.timedOut,
    stdout_truncated: result.stdout.truncated,
    stderr_truncated: result.stderr.truncated,
    duration_ms: result.durationMs,
  };
}
