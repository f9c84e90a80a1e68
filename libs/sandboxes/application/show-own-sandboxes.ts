import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '@tollbox/platform/clock/clock';
import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import { resourceOf, type SandboxResource } from '../domain/resource-answers';
import { isSandboxId } from '../domain/sandbox-id';
import type { SandboxAccess } from './access';
import type { OwnSandboxes, OwnSandboxCursor, OwnSandboxFilter } from './ports/own-sandboxes';
import type { SandboxSettings } from './settings';

const LOOK_AGAIN_MS = 250;
const RETRY_AFTER_S = 5;

export interface OwnPage {
  readonly data: readonly SandboxResource[];
  /** Where the next page starts; null on the last one. */
  readonly next: OwnSandboxCursor | null;
}

/** What a wallet sees of its sandboxes, free of charge. */
export class ShowOwnSandboxes {
  private readonly waiting = new Map<string, number>();

  constructor(
    private readonly sandboxes: OwnSandboxes,
    private readonly access: SandboxAccess,
    private readonly clock: Clock,
    private readonly settings: Pick<SandboxSettings, 'maxWaitsPerOwner'>,
  ) {}

  async list(owner: string, filter: OwnSandboxFilter, after: OwnSandboxCursor | undefined, limit: number): Promise<OwnPage> {
    const { sandboxes, hasMore } = await this.sandboxes.page(owner, filter, after, limit);
    const nowMs = this.clock.nowMs();
    const last = sandboxes.at(-1);
    return {
      data: sandboxes.map((sandbox) => resourceOf(sandbox, nowMs)),
      next: hasMore && last !== undefined ? { createdAt: last.createdAt, id: last.id } : null,
    };
  }

  /** @throws TollboxError `sandbox_not_found` */
  async show(owner: string, sandboxId: string): Promise<SandboxResource> {
    if (!isSandboxId(sandboxId)) throw new TollboxError('sandbox_not_found');
    return resourceOf(await this.access.owned(owner, sandboxId, 'sandboxes.show'), this.clock.nowMs());
  }

  /**
   * Answers when the sandbox has ended, or as it is after `timeoutMs`.
   * @throws TollboxError `sandbox_not_found`, `too_many_waits`
   */
  async wait(owner: string, sandboxId: string, timeoutMs: number, gone: AbortSignal): Promise<SandboxResource> {
    const before = this.waiting.get(owner) ?? 0;
    if (before >= this.settings.maxWaitsPerOwner) throw new TollboxError('too_many_waits', { retryAfterSeconds: RETRY_AFTER_S });
    this.waiting.set(owner, before + 1);
    try {
      return await this.untilEnded(owner, sandboxId, this.clock.nowMs() + timeoutMs, gone);
    } finally {
      const left = (this.waiting.get(owner) ?? 1) - 1;
      if (left === 0) this.waiting.delete(owner);
      else this.waiting.set(owner, left);
    }
  }

  private async untilEnded(owner: string, sandboxId: string, untilMs: number, gone: AbortSignal): Promise<SandboxResource> {
    for (;;) {
      const seen = await this.show(owner, sandboxId);
      const remainingMs = untilMs - this.clock.nowMs();
      if (seen.state === 'terminated' || seen.state === 'finished' || remainingMs <= 0 || gone.aborted) return seen;
      await sleep(Math.min(LOOK_AGAIN_MS, remainingMs));
    }
  }
}
