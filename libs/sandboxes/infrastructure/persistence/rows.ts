import type { NetworkOrder } from '../../domain/network-order';
import type { Execution, ExecutionState, Sandbox, Tags } from '../../domain/sandbox';
import type { DesiredState, EndReason, SandboxState } from '../../domain/sandbox-state';

/** A row of `sandboxes` as pg gives it. */
export interface SandboxRow {
  id: string;
  owner: string | null;
  state: SandboxState;
  desired_state: DesiredState;
  reason: EndReason | null;
  operation_id: string;
  provider: string;
  provider_ref: string | null;
  isolation: string;
  network_policy: string;
  image: string;
  image_digest: string | null;
  cpu_millis: number;
  memory_mib: number;
  gpu: string | null;
  lifetime_ms: number;
  deadline_at: Date;
  ghost_sightings: number;
  returncode: number | null;
  created_at: Date;
  started_at: Date | null;
  ended_at: Date | null;
  name: string | null;
  tags: Tags;
  idle_timeout_ms: number | null;
  network: NetworkOrder | null;
  ports: number[];
  env_names: string[];
}

export function toSandbox(row: SandboxRow): Sandbox {
  return {
    id: row.id,
    owner: row.owner,
    state: row.state,
    desiredState: row.desired_state,
    reason: row.reason,
    operationId: row.operation_id,
    provider: row.provider,
    providerRef: row.provider_ref,
    isolation: row.isolation,
    networkPolicy: row.network_policy,
    image: row.image,
    imageDigest: row.image_digest,
    cpuMillis: row.cpu_millis,
    memoryMiB: row.memory_mib,
    gpu: row.gpu,
    lifetimeMs: row.lifetime_ms,
    deadlineAt: row.deadline_at,
    ghostSightings: row.ghost_sightings,
    returncode: row.returncode,
    createdAt: row.created_at,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    name: row.name,
    tags: row.tags,
    idleTimeoutMs: row.idle_timeout_ms,
    network: row.network,
    ports: row.ports,
    envNames: row.env_names,
  };
}

/** A row of `executions` as pg gives it; BIGINT arrives as text. */
export interface ExecutionRow {
  id: string;
  operation_id: string;
  sandbox_id: string;
  owner: string;
  state: ExecutionState;
  returncode: number | null;
  timed_out: boolean;
  stdout: Buffer | null;
  stderr: Buffer | null;
  stdout_bytes: string | null;
  stderr_bytes: string | null;
  stdout_truncated: boolean;
  stderr_truncated: boolean;
  stdout_sha256: string | null;
  stderr_sha256: string | null;
  error: string | null;
  duration_ms: number | null;
  trimmed_at: Date | null;
}

export function toExecution(row: ExecutionRow): Execution {
  return {
    id: row.id,
    operationId: row.operation_id,
    sandboxId: row.sandbox_id,
    owner: row.owner,
    state: row.state,
    error: row.error,
    result:
      row.trimmed_at !== null || row.state !== 'finished' || row.returncode === null || row.stdout === null || row.stderr === null
        ? null
        : {
            returncode: row.returncode,
            timedOut: row.timed_out,
            durationMs: row.duration_ms ?? 0,
            stdout: {
              bytes: row.stdout,
              totalBytes: Number(row.stdout_bytes ?? 0),
              truncated: row.stdout_truncated,
              sha256: row.stdout_sha256 ?? '',
            },
            stderr: {
              bytes: row.stderr,
              totalBytes: Number(row.stderr_bytes ?? 0),
              truncated: row.stderr_truncated,
              sha256: row.stderr_sha256 ?? '',
            },
          },
  };
}

/** SQL list of the final states, after which nothing is left to do. */
export const FINAL_STATES = `('terminated', 'failed', 'lost')`;
/** SQL list of the states that count against the limits of live sandboxes. */
export const LIVE_STATES = `('requested', 'provisioning', 'unknown', 'pooled', 'running', 'terminating')`;
