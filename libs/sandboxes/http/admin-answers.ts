import type { PaymentOfOperation } from '@tollbox/platform/operations/operation-payments';
import type { OutputExcerpt, SandboxHistory } from '../application/ports/sandbox-queries';
import { textOf, withoutCutCharacter } from '../domain/output';
import type { Sandbox } from '../domain/sandbox';
import type { SandboxDetailAnswer, SandboxRecord } from './admin-schemas';

const iso = (date: Date | null): string | null => date?.toISOString() ?? null;

export function toSandboxRecord(sandbox: Sandbox): SandboxRecord {
  return {
    sandbox_id: sandbox.id,
    owner: sandbox.owner,
    state: sandbox.state,
    desired_state: sandbox.desiredState,
    reason: sandbox.reason,
    operation_id: sandbox.operationId,
    provider: sandbox.provider,
    provider_ref: sandbox.providerRef,
    isolation: sandbox.isolation,
    network: sandbox.networkPolicy,
    image: sandbox.image,
    image_digest: sandbox.imageDigest,
    cpu: sandbox.cpuMillis / 1_000,
    memory: sandbox.memoryMiB,
    gpu: sandbox.gpu,
    timeout: sandbox.lifetimeMs / 1_000,
    returncode: sandbox.returncode,
    ghost_sightings: sandbox.ghostSightings,
    created_at: sandbox.createdAt.toISOString(),
    started_at: iso(sandbox.startedAt),
    expires_at: sandbox.deadlineAt.toISOString(),
    ended_at: iso(sandbox.endedAt),
  };
}

type OutputAnswer = SandboxDetailAnswer['executions'][number]['stdout'];

function toOutput(excerpt: OutputExcerpt): OutputAnswer {
  return {
    head: excerpt.head === null ? null : textOf(excerpt.tail === null ? excerpt.head : withoutCutCharacter(excerpt.head)),
    tail: excerpt.tail === null ? null : textOf(excerpt.tail),
    bytes: excerpt.totalBytes,
    truncated: excerpt.truncated,
    sha256: excerpt.sha256,
  };
}

function toPayment(payment: PaymentOfOperation): SandboxDetailAnswer['payments'][number] {
  return {
    payment_id: payment.paymentId,
    operation_id: payment.operationId,
    operation: payment.operation,
    payer: payment.payer,
    state: payment.state,
    amount_atomic: payment.amountAtomic,
    price_atomic: payment.priceAtomic,
    network: payment.network,
    transaction_hash: payment.transactionHash,
    claimed_at: payment.claimedAt,
    settled_at: payment.settledAt,
  };
}

export function toDetailAnswer(history: SandboxHistory, payments: readonly PaymentOfOperation[]): SandboxDetailAnswer {
  return {
    sandbox: toSandboxRecord(history.sandbox),
    events: history.events.map((event) => ({
      id: event.id,
      kind: event.kind,
      from_state: event.fromState,
      to_state: event.toState,
      reason: event.reason,
      operation_id: event.operationId,
      actor: event.actor,
      detail: event.detail,
      at: event.at.toISOString(),
    })),
    executions: history.executions.map((execution) => ({
      execution_id: execution.id,
      operation_id: execution.operationId,
      argv: execution.argv,
      state: execution.state,
      returncode: execution.returncode,
      timed_out: execution.timedOut,
      timeout_ms: execution.timeoutMs,
      duration_ms: execution.durationMs,
      error: execution.error,
      started_at: execution.startedAt.toISOString(),
      finished_at: iso(execution.finishedAt),
      stdout: toOutput(execution.stdout),
      stderr: toOutput(execution.stderr),
    })),
    operations: history.operations.map(({ operationId, name, at }) => ({
      operation_id: operationId,
      operation: name,
      at: at.toISOString(),
    })),
    payments: payments.map(toPayment),
    totals: history.totals,
  };
}
