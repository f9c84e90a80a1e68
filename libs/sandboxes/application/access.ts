import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import type { Sandbox } from '../domain/sandbox';
import type { RefusalObserver } from './ports/refusal-observer';
import type { SandboxStore } from './ports/sandbox-store';

/** Finds sandboxes for their owners. A stranger's sandbox and an unknown one give the same answer. */
export class SandboxAccess {
  constructor(
    private readonly store: SandboxStore,
    private readonly refusals: RefusalObserver,
  ) {}

  /**
   * @param operation what is tried, for the audit log
   * @throws TollboxError `sandbox_not_found`
   */
  async owned(owner: string, sandboxId: string, operation: string): Promise<Sandbox> {
    const sandbox = await this.store.find(sandboxId);
    if (sandbox?.owner === owner) return sandbox;
    if (sandbox !== null) this.refusals.foreignSandbox({ owner, sandboxId, operation });
    throw new TollboxError('sandbox_not_found');
  }
}
