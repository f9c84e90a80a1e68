import type { Sandbox } from '../domain/sandbox';
import type { EndSandbox } from './end-sandbox';
import type { SandboxStore } from './ports/sandbox-store';
import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import { toBuyerError } from './provider-failure';

/** An operator ends any sandbox. */
export class StopSandbox {
  constructor(
    private readonly store: SandboxStore,
    private readonly ender: EndSandbox,
  ) {}

  /**
   * @param actor id of the staff key
   * @throws TollboxError `not_found`, or the provider's failure; the sandbox is then ended by the reaper
   */
  async execute(id: string, actor: string): Promise<Sandbox> {
    if ((await this.store.find(id)) === null)
      throw new TollboxError('not_found', { message: 'There is no sandbox with this id.' });
    try {
      const ended = await this.ender.end(id, 'operator', { actor });
      if (ended === null) throw new Error(`sandbox ${id} disappeared`);
      return ended;
    } catch (error) {
      throw toBuyerError(error);
    }
  }
}
