import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import { resolutionsOf, stateAfter, type ItemClass, type Resolution } from '../domain/item';

export interface Decision {
  readonly resolution: Resolution;
  readonly reason: string;
  /** Name of the staff key, and where it came from. */
  readonly actor: string;
  readonly keyId: string;
  readonly requestId: string;
  readonly ip: string;
}

export interface ResolutionStore {
  classOf(itemId: string): Promise<ItemClass | undefined>;
  /** Closes an open item, with its bookings and its audit entry; false when it is not open any more. */
  close(itemId: string, itemClass: ItemClass, decision: Decision, state: 'resolved' | 'ignored'): Promise<boolean>;
}

/** A person decides about a difference; what he decides is booked with it. */
export class ResolveItem {
  constructor(private readonly store: ResolutionStore) {}

  /** @throws TollboxError `not_found`, `invalid_body` for a resolution that this class does not know, `conflict` when it is closed */
  async run(itemId: string, decision: Decision): Promise<void> {
    const itemClass = await this.store.classOf(itemId);
    if (itemClass === undefined) throw new TollboxError('not_found', { message: 'There is no item with this id.' });
    const allowed = resolutionsOf(itemClass);
    if (!allowed.includes(decision.resolution)) {
      const message = `an item of class ${itemClass} takes ${allowed.join(', ')}`;
      throw new TollboxError('invalid_body', { details: [{ code: 'custom', path: ['resolution'], message }] });
    }
    const state = stateAfter(decision.resolution) === 'ignored' ? 'ignored' : 'resolved';
    if (!(await this.store.close(itemId, itemClass, decision, state)))
      throw new TollboxError('conflict', { message: 'The item is not open.' });
  }
}
