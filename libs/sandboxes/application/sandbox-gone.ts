import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import { endReason, type Sandbox } from '../domain/sandbox';
import type { EndReason } from '../domain/sandbox-state';

/** What helps after each end; where nothing is said, what the registry says. */
const WHAT_HAPPENED: Readonly<Record<EndReason, { readonly message: string; readonly suggestion?: string }>> = {
  requested: { message: 'The sandbox has ended: its owner terminated it.' },
  deadline: {
    message: 'The sandbox has ended: its time is over.',
    suggestion: 'Create a new sandbox, with a longer `timeout` if the work needs it.',
  },
  idle: { message: 'The sandbox has ended: it was idle for too long.' },
  operator: { message: 'The sandbox has ended: the operator stopped it.' },
  unpaid: { message: 'The sandbox has ended: its create was not paid.' },
  provider_lost: { message: 'The sandbox is lost: its provider does not know it any more. What it held is gone.' },
  provider_error: { message: 'The sandbox has ended: its provider failed.' },
  out_of_memory: {
    message: 'The sandbox has ended: it ran out of memory.',
    suggestion: 'Create a new sandbox with more `memory`.',
  },
  entrypoint_exited: { message: 'The sandbox has ended: its first process exited.' },
  create_interrupted: { message: 'The sandbox has ended: its create was interrupted.' },
  orphan: { message: 'The sandbox has ended.' },
};

/** The 410 of a sandbox that has ended, with the reason in words and as `reason`. */
export function sandboxGone(sandbox: Sandbox, cause?: unknown): TollboxError {
  const reason = endReason(sandbox);
  return new TollboxError('sandbox_gone', { ...WHAT_HAPPENED[reason], body: { reason }, cause });
}
