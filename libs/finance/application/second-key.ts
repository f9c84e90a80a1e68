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
    if (!check.ok) throw refused('The key in X-Approval-Key is unknown, expired or revoked.');
    if (check.key.id === requesterKeyId)
      throw refused('The key in X-Approval-Key is the one that asks: nobody approves his own request.');
    if (check.key.role !== 'finance')
      throw refused(`The key in X-Approval-Key has the role ${check.key.role}; finance approves.`);
    return check.key.id;
  }
}

const refused = (message: string): TollboxError => new TollboxError('second_key_required', { message });
