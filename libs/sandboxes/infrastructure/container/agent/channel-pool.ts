import { setTimeout as delay } from 'node:timers/promises';
import { ProviderError } from '../../../application/ports/provider';
import type { AgentChannel } from './channel';
import { AgentProtocolError, REQUEST } from './frames';

export interface ChannelPoolLimits {
  /** Channels that are open at once; above it, the ones that were used least recently and are idle are closed. */
  readonly maxOpen: number;
  readonly idleMs: number;
  /** The agent greets within this time, or the sandbox is served without it. */
  readonly openMs: number;
  /** How long a sandbox without a channel is served by the engine's exec before another is tried. */
  readonly retryMs: number;
}

export const CHANNEL_POOL_LIMITS: ChannelPoolLimits = { maxOpen: 256, idleMs: 60_000, openMs: 3_000, retryMs: 20_000 };

/** A channel that was silent for longer is asked whether it is still there before a command is trusted to it. */
const TRUSTED_SILENCE_MS = 2_000;
const PING_LIMIT_MS = 1_000;
const SWEEP_MS = 5_000;

interface Entry {
  readonly opening: Promise<AgentChannel | null>;
  channel: AgentChannel | null;
  usedAt: number;
  /** Set when there is no channel: not before this time is another one opened. */
  retryAt: number | null;
}

/** The open channels to sandboxes, one each. */
export class ChannelPool {
  private readonly entries = new Map<string, Entry>();
  private readonly sweeper: NodeJS.Timeout;

  /** @param open connects to the agent of a container; rejects ProviderError `gone` when the sandbox has ended */
  constructor(
    private readonly open: (containerRef: string, signal: AbortSignal) => Promise<AgentChannel>,
    private readonly limits: ChannelPoolLimits = CHANNEL_POOL_LIMITS,
  ) {
    this.sweeper = setInterval(() => this.sweep(), SWEEP_MS).unref();
  }

  get size(): number {
    return this.entries.size;
  }

  /** Opens the channel in the background, so that the first command finds it. */
  warm(containerRef: string): void {
    this.entryOf(containerRef).opening.catch(() => undefined); // whoever asks for the channel hears of it
  }

  /**
   * A channel that answers; null when the sandbox has none at this time, and the engine's own exec is to be used.
   * @throws ProviderError `gone` when the sandbox has ended
   */
  async get(containerRef: string): Promise<AgentChannel | null> {
    const entry = this.entryOf(containerRef);
    const channel = await entry.opening;
    if (channel?.isOpen !== true) return null;
    if (channel.silentMs > TRUSTED_SILENCE_MS && !(await answers(channel))) {
      channel.close(new AgentProtocolError('silence'));
      return null;
    }
    return channel;
  }

  drop(containerRef: string): void {
    const entry = this.entries.get(containerRef);
    this.entries.delete(containerRef);
    entry?.channel?.close();
  }

  close(): void {
    clearInterval(this.sweeper);
    for (const containerRef of [...this.entries.keys()]) this.drop(containerRef);
  }

  private entryOf(containerRef: string): Entry {
    const now = performance.now();
    const existing = this.entries.get(containerRef);
    if (existing !== undefined && (existing.retryAt === null || now < existing.retryAt)) {
      existing.usedAt = now;
      this.entries.delete(containerRef); // to the end of the order
      this.entries.set(containerRef, existing);
      return existing;
    }
    const entry: Entry = { opening: this.connect(containerRef, () => entry), channel: null, usedAt: now, retryAt: null };
    this.entries.set(containerRef, entry);
    this.evict();
    return entry;
  }

  private async connect(containerRef: string, entryOf: () => Entry): Promise<AgentChannel | null> {
    await Promise.resolve(); // the entry exists before it is written to
    const entry = entryOf();
    const isCurrent = () => this.entries.get(containerRef) === entry;
    try {
      const channel = await this.greeted(containerRef);
      if (!isCurrent()) {
        channel.close();
        return null;
      }
      entry.channel = channel;
      void channel.ended.then((reason) => this.lost(entry, reason === null ? 0 : this.limits.retryMs));
      return channel;
    } catch (error) {
      if (error instanceof ProviderError && error.kind === 'gone') {
        if (isCurrent()) this.entries.delete(containerRef);
        throw error;
      }
      this.lost(entry, this.limits.retryMs);
      return null;
    }
  }

  private async greeted(containerRef: string): Promise<AgentChannel> {
    const limit = AbortSignal.timeout(this.limits.openMs);
    const channel = await this.open(containerRef, limit);
    const giveUp = () => channel.close();
    limit.addEventListener('abort', giveUp, { once: true });
    if (limit.aborted) giveUp();
    try {
      await channel.ready;
      return channel;
    } finally {
      limit.removeEventListener('abort', giveUp);
    }
  }

  /** One whose connection only ended is tried again at once; what is broken inside may have been repaired later. */
  private lost(entry: Entry, retryInMs: number): void {
    entry.channel = null;
    entry.retryAt = performance.now() + retryInMs;
  }

  /** Closes idle channels above the limit; a channel in use is never closed. */
  private evict(): void {
    for (const [containerRef, entry] of this.entries) {
      if (this.entries.size <= this.limits.maxOpen) return;
      if (entry.retryAt !== null || entry.channel?.activeRequests === 0) this.drop(containerRef);
    }
  }

  private sweep(): void {
    const now = performance.now();
    for (const [containerRef, entry] of this.entries) {
      if (entry.retryAt !== null ? now > entry.retryAt : isIdle(entry, now - this.limits.idleMs)) this.drop(containerRef);
    }
  }
}

const isIdle = (entry: Entry, since: number): boolean =>
  entry.usedAt < since && entry.channel !== null && entry.channel.activeRequests === 0;

async function answers(channel: AgentChannel): Promise<boolean> {
  const limit = new AbortController();
  const pong = channel.ask(REQUEST.ping).then(
    () => true,
    () => false,
  );
  try {
    return await Promise.race([pong, delay(PING_LIMIT_MS, false, { signal: limit.signal })]);
  } finally {
    limit.abort();
  }
}
