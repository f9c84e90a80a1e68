import { setTimeout as pause } from 'node:timers/promises';
import {
  ProviderError,
  type ListedSandbox,
  type ProviderCapabilities,
  type ProviderHandle,
  type ProviderState,
  type SandboxProvider,
} from '@tollbox/sandboxes/application/ports/provider';

const unused = (): Promise<never> => Promise.reject(new ProviderError('internal', 'the reaper bench only terminates'));

/** A provider whose sandboxes are names and whose terminate takes a fixed time. */
export class ProviderDouble implements SandboxProvider {
  readonly name = 'container';
  /** When each object was gone, by its reference. */
  readonly goneAtMs = new Map<string, number>();
  terminations = 0;
  readonly create = unused;
  readonly exec = unused;

  constructor(private readonly terminateMs: number) {}

  capabilities(): ProviderCapabilities {
    return { isolation: 'gvisor', networkPolicy: 'none', gpu: false, features: new Set() };
  }

  inspect({ providerRef }: ProviderHandle): Promise<ProviderState> {
    return Promise.resolve(this.goneAtMs.has(providerRef) ? { kind: 'not_found' } : { kind: 'running' });
  }

  async terminate({ providerRef }: ProviderHandle): Promise<void> {
    this.terminations += 1;
    await pause(this.terminateMs);
    if (!this.goneAtMs.has(providerRef)) this.goneAtMs.set(providerRef, Date.now());
  }

  list(): Promise<readonly ListedSandbox[]> {
    return Promise.resolve([]);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
