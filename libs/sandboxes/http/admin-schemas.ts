import { z } from 'zod';
import { cursorInstant, cursorOf } from '@tollbox/platform/http/cursor';
import { instantParameter, limitParameter, walletParameter } from '@tollbox/platform/http/query-parameters';
import { isSandboxId } from '../domain/sandbox-id';
import { END_REASONS, SANDBOX_STATES } from '../domain/sandbox-state';

/** A place in the list: when the sandbox was created, and its id. */
export const sandboxCursor = cursorOf(z.tuple([cursorInstant, z.string().refine(isSandboxId)]));

/** Query of GET /admin/sandboxes. Unknown parameters are refused: a misspelt filter must not look like a full list. */
export const sandboxesQuery = z.strictObject({
  owner: walletParameter('Wallet that owns the sandbox.'),
  state: z.enum(SANDBOX_STATES).optional(),
  provider: z.enum(['container', 'modal']).optional(),
  reason: z.enum(END_REASONS).optional().describe('Why it ended or is ending.'),
  created_from: instantParameter('Created at or after this time (ISO 8601).'),
  created_to: instantParameter('Created before this time (ISO 8601).'),
  limit: limitParameter('Sandboxes'),
  cursor: sandboxCursor.parameter,
});

const time = z.iso.datetime();
const output = z.object({
  head: z.string().nullable(),
  tail: z.string().nullable(),
  bytes: z.number().int().nullable(),
  truncated: z.boolean(),
  sha256: z.string().nullable(),
});

export const sandboxRecord = z.object({
  sandbox_id: z.string(),
  owner: z.string().nullable(),
  state: z.enum(SANDBOX_STATES),
  desired_state: z.enum(['running', 'terminated']),
  reason: z.enum(END_REASONS).nullable(),
  operation_id: z.string(),
  provider: z.string(),
  provider_ref: z.string().nullable(),
  isolation: z.string(),
  network: z.string(),
  image: z.string(),
  image_digest: z.string().nullable(),
  cpu: z.number(),
  memory: z.number().int().describe('MiB.'),
  gpu: z.string().nullable(),
  timeout: z.number().describe('Sold lifetime in seconds.'),
  returncode: z.number().int().nullable(),
  ghost_sightings: z.number().int(),
  created_at: time,
  started_at: time.nullable(),
  expires_at: time,
  ended_at: time.nullable(),
});

export const sandboxesAnswer = z.object({ sandboxes: z.array(sandboxRecord), next_cursor: z.string().nullable() });

const payment = z.object({
  payment_id: z.string(),
  operation_id: z.string(),
  operation: z.string(),
  payer: z.string(),
  state: z.string(),
  amount_atomic: z.string(),
  price_atomic: z.string(),
  network: z.string(),
  transaction_hash: z.string().nullable(),
  claimed_at: time,
  settled_at: time.nullable(),
});

export const sandboxAnswer = z.object({
  sandbox: sandboxRecord,
  events: z.array(
    z.object({
      id: z.string(),
      kind: z.string(),
      from_state: z.string().nullable(),
      to_state: z.string().nullable(),
      reason: z.string().nullable(),
      operation_id: z.string().nullable(),
      actor: z.string(),
      detail: z.unknown(),
      at: time,
    }),
  ),
  executions: z.array(
    z.object({
      execution_id: z.string(),
      operation_id: z.string(),
      argv: z.unknown(),
      state: z.string(),
      returncode: z.number().int().nullable(),
      timed_out: z.boolean(),
      timeout_ms: z.number().int(),
      duration_ms: z.number().int().nullable(),
      error: z.string().nullable(),
      started_at: time,
      finished_at: time.nullable(),
      stdout: output,
      stderr: output,
    }),
  ),
  operations: z.array(z.object({ operation_id: z.string(), operation: z.string(), at: time })),
  payments: z.array(payment).describe('What was paid for these operations.'),
  totals: z
    .object({ events: z.number().int(), executions: z.number().int(), operations: z.number().int() })
    .describe('How many there are; a list shows the newest 500.'),
});

export const terminateAnswer = z.object({ sandbox: sandboxRecord });

export type SandboxRecord = z.output<typeof sandboxRecord>;
export type SandboxesAnswer = z.output<typeof sandboxesAnswer>;
export type SandboxDetailAnswer = z.output<typeof sandboxAnswer>;
