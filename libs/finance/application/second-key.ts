import { Injectable } from '@nestjs/common';
import { StaffKeys } from '@tollbox/platform/access/staff-keys';
import { TollboxError } from '@tollbox/platform/errors/tollbox-error';

/** Approval of one finance key's action by another one. */
@Injectable()
export class SecondKey {
  constructor(private readonly keys: StaffKeys) {}

  /**
   * The id of the approving key; undefined when none is given.
   * @throws TollboxError `second_key_required` for a key that is not another live finance key
   */
  async approvalOf(token: string | undefined, requesterKeyId: string): Promise<string | undefined> {
    if (token === undefined) return undefined;
    const check = await this.keys.check(token);
    if (!check.ok || check.key.role !== 'finance' || check.key.id === requesterKeyId)
      throw new TollboxError('second_key_required');
    return check.key.id;
  }
}
