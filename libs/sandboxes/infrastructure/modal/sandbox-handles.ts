import type { Sandbox } from 'modal';

interface Entry {
  readonly sandbox: Sandbox;
  users: number;
  /** Out of the cache: detached as soon as nobody uses it. */
  retired: boolean;
}

/** A use of a sandbox handle. The handle stays connected until it is released. */
export interface HandleLease {
  readonly sandbox: Sandbox;
  release(): void;
}

/**
 * The SDK's sandbox objects by provider reference. Each holds a connection to its sandbox's worker, so that the second
 * exec needs no look-up; those that nobody uses are limited, the least recently used one is detached first. A handle in
 * use is never detached, because that breaks its running streams.
 */
export class SandboxHandles {
  private readonly entries = new Map<string, Entry>();

  constructor(
    private readonly maxIdle: number,
    private readonly open: (providerRef: string) => Sandbox | Promise<Sandbox>,
  ) {}

  /** Connections held, in use or not. */
  get size(): number {
    return this.entries.size;
  }

  /** Remembers the handle of a new sandbox. */
  add(sandbox: Sandbox): void {
    this.entries.set(sandbox.sandboxId, { sandbox, users: 0, retired: false });
    this.trim();
  }

  async lease(providerRef: string): Promise<HandleLease> {
    const opened = this.entries.get(providerRef)?.sandbox ?? (await this.open(providerRef));
    // Another caller may have opened the same reference in the meantime; theirs is used and ours was never connected.
    const entry = this.entries.get(providerRef) ?? { sandbox: opened, users: 0, retired: false };
    this.entries.delete(providerRef);
    this.entries.set(providerRef, entry);
    entry.users += 1;
    let released = false;
    return {
      sandbox: entry.sandbox,
      release: () => {
        if (released) return;
        released = true;
        entry.users -= 1;
        if (entry.retired && entry.users === 0) entry.sandbox.detach();
        this.trim();
      },
    };
  }

  /** Forgets a handle: its sandbox has ended, or its connection is suspect. */
  retire(providerRef: string): void {
    const entry = this.entries.get(providerRef);
    if (entry === undefined) return;
    this.entries.delete(providerRef);
    entry.retired = true;
    if (entry.users === 0) entry.sandbox.detach();
  }

  retireAll(): void {
    for (const providerRef of [...this.entries.keys()]) this.retire(providerRef);
  }

  private trim(): void {
    const idle = [...this.entries].filter(([, entry]) => entry.users === 0);
    for (const [providerRef] of idle.slice(0, Math.max(0, idle.length - this.maxIdle))) this.retire(providerRef);
  }
}
