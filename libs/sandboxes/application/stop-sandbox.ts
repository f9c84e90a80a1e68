import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import type { Sandbox } from '../domain/sandbox';
import type { EndSandbox } from './end-sandbox';
import type { SandboxStore } from './ports/sandbox-store';
import { toBuyerError } from './provider-failure';

/** Writes what an operator did, or failed to do, into the audit log. */
export type RecordStop = (outcome: 'ok' | 'failed', detail: Readonly<Record<string, unknown>>) => Promise<void>;

/** An operator ends any sandbox. */
export class StopSandbox {
  constructor(
    private readonly store: SandboxStore,
    private readonly ender: EndSandbox,
  ) {}

  /**
   * The order is recorded before it is carried out: what cannot be recorded does not happen. A failure is recorded too.
   * @param actor id of the staff key
   * @throws TollboxError `not_found`, or the provider's failure; the sandbox is then ended by the reaper
   */
  async execute(id: string, actor: string, record: RecordStop): Promise<Sandbox> {
    const sandbox = await this.store.find(id);
    if (sandbox === null) {
      await record('failed', { code: 'not_found' });
      throw new TollboxError('not_found', { message: 'There is no sandbox with this id.' });
    }
    await record('ok', { state: sandbox.state });
    try {
      return (await this.ender.end(id, 'operator', { actor })) ?? sandbox;
    } catch (error) {
      const failure = toBuyerError(error);
      await record('failed', { code: failure instanceof TollboxError ? failure.code : 'internal' });
      throw failure;
    }
  }
}
