import type { ModalClient, Sandbox } from 'modal';
import { ProviderError, type ProviderState } from '../../application/ports/provider';
import { withinDeadline } from './deadline';
import { isNotFound, toProviderError } from './errors';
import { type HandleLease, SandboxHandles } from './sandbox-handles';
import type { ModalSettings } from './settings';

/** How long the look at the sandbox after a failed call may take. */
const EXPLAIN_DEADLINE_MS = 5_000;
const REMEMBERED_TAGS = 10_000;

/** The sandboxes that this process knows on Modal: their connections, their Tollbox ids and their state. */
export class SandboxAccess {
  private readonly handles: SandboxHandles;
  private readonly sandboxIds = new Map<string, string | null>();

  constructor(
    client: ModalClient,
    private readonly settings: Pick<ModalSettings, 'maxIdleHandles' | 'logger'>,
  ) {
    this.handles = new SandboxHandles(settings.maxIdleHandles, (providerRef) => client.sandboxes.fromId(providerRef));
  }

  add(sandbox: Sandbox, sandboxId: string): void {
    this.handles.add(sandbox);
    this.rememberId(sandbox.sandboxId, sandboxId);
  }

  lease(providerRef: string): Promise<HandleLease> {
    return this.handles.lease(providerRef);
  }

  /** Runs one call on a sandbox; its connection stays open while the call runs. */
  async withHandle<T>(providerRef: string, use: (sandbox: Sandbox) => Promise<T>): Promise<T> {
    const lease = await this.handles.lease(providerRef);
    try {
      return await use(lease.sandbox);
    } finally {
      lease.release();
    }
  }

  /** Modal's code for a sandbox is 124 past its lifetime and 137 terminated; it never says that memory ran out. */
  async poll(providerRef: string): Promise<ProviderState> {
    try {
      const returncode = await this.withHandle(providerRef, (sandbox) => sandbox.poll());
      if (returncode === null) return { kind: 'running' };
      this.forget(providerRef);
      return { kind: 'ended', returncode, outOfMemory: false };
    } catch (error) {
      if (!isNotFound(error)) throw error;
      this.forget(providerRef);
      return { kind: 'not_found' };
    }
  }

  /** A look at the sandbox that gives up soon: null when it cannot be had. */
  async pollBriefly(providerRef: string): Promise<ProviderState | null> {
    try {
      return await withinDeadline(AbortSignal.timeout(EXPLAIN_DEADLINE_MS), 'inspect', () => this.poll(providerRef));
    } catch (error) {
      this.settings.logger.warn(
        { providerRef, error: String(error) },
        'the state of a sandbox could not be read after a failed call',
      );
      return null;
    }
  }

  /** Modal answers a call in an ended sandbox in several ways; only the state of the sandbox says what happened. */
  async explain(providerRef: string, what: string, error: unknown): Promise<ProviderError> {
    const failure = toProviderError(error, what);
    if (error instanceof ProviderError || failure.kind === 'invalid') return failure;
    const state = await this.pollBriefly(providerRef);
    if (state?.kind === 'ended' || state?.kind === 'not_found')
      return new ProviderError('gone', 'the sandbox has ended', { cause: error });
    // The sandbox runs but its worker does not know the call: the kept connection is stale.
    this.handles.retire(providerRef);
    return failure.kind === 'not_found' ? new ProviderError('unavailable', failure.message, { cause: error }) : failure;
  }

  /** The Tollbox id of a sandbox, where it is known; null for one without our tag. */
  knownId(providerRef: string): string | null | undefined {
    return this.sandboxIds.get(providerRef);
  }

  rememberId(providerRef: string, sandboxId: string | null): void {
    this.sandboxIds.set(providerRef, sandboxId);
    const [oldest] = this.sandboxIds.keys();
    if (this.sandboxIds.size > REMEMBERED_TAGS && oldest !== undefined) this.sandboxIds.delete(oldest);
  }

  forget(providerRef: string): void {
    this.handles.retire(providerRef);
    this.sandboxIds.delete(providerRef);
  }

  close(): void {
    this.handles.retireAll();
  }
}
