/**
 * The life of a sandbox. A row comes first (`requested`), the provider object second. `terminated`, `failed` and `lost`
 * are final. The database refuses what this table does not list (prisma/migrations, sandboxes_guard).
 */
export const SANDBOX_STATES = [
  'requested',
  'provisioning',
  'unknown',
  'pooled',
  'running',
  'finished',
  'terminating',
  'terminated',
  'failed',
  'lost',
] as const;
export type SandboxState = (typeof SANDBOX_STATES)[number];

export const SANDBOX_TRANSITIONS: Readonly<Record<SandboxState, readonly SandboxState[]>> = {
  requested: ['provisioning', 'failed', 'terminated'],
  provisioning: ['running', 'pooled', 'unknown', 'failed', 'terminating'],
  unknown: ['running', 'pooled', 'failed', 'terminating', 'lost'],
  pooled: ['running', 'terminating', 'lost'],
  running: ['finished', 'terminating', 'lost'],
  finished: ['terminating', 'terminated'],
  terminating: ['terminated', 'lost'],
  terminated: [],
  failed: [],
  lost: [],
};

/** Why a sandbox ended or is ending. */
export const END_REASONS = [
  'requested',
  'deadline',
  'idle',
  'operator',
  'unpaid',
  'provider_lost',
  'provider_error',
  'out_of_memory',
  'entrypoint_exited',
  'create_interrupted',
  'orphan',
] as const;
export type EndReason = (typeof END_REASONS)[number];

export type DesiredState = 'running' | 'terminated';

export function canTransition(from: SandboxState, to: SandboxState): boolean {
  return SANDBOX_TRANSITIONS[from].includes(to);
}

export function isFinal(state: SandboxState): boolean {
  return SANDBOX_TRANSITIONS[state].length === 0;
}

/** What BlockRun's clients see: a sandbox runs or it does not. */
export function blockRunStatus(state: SandboxState): 'running' | 'terminated' {
  return state === 'running' ? 'running' : 'terminated';
}
