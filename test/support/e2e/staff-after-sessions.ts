import { paymentsAnswer } from '@tollbox/finance/http/payment-schemas';
import type { StaffRole } from '@tollbox/platform/routes/access.decorators';
import { sandboxesAnswer } from '@tollbox/sandboxes/http/admin-schemas';
import type { PrivateKeyAccount } from 'viem/accounts';
import type { z } from 'zod';
import { Purchases, type Purchase } from './purchases';
import { Stack, type Answer, type SandboxCall } from './stack';

export type Sandboxes = z.output<typeof sandboxesAnswer>;
export type Payments = z.output<typeof paymentsAnswer>;

const query = (parameters: Record<string, string>): string => new URLSearchParams(parameters).toString();

/** Keys of every role on a stack on which Alice has ended one sandbox and runs another, and Bob runs his. */
export class StaffAfterSessions {
  private constructor(
    readonly stack: Stack,
    private readonly purchases: Purchases,
    readonly alice: PrivateKeyAccount,
    readonly bob: PrivateKeyAccount,
    readonly tokens: Readonly<Record<StaffRole, string>>,
  ) {}

  /** Ids of the sandboxes, and a time between the first session and the others. */
  ended = '';
  running = '';
  bobs = '';
  betweenSessions = '';

  static async start(): Promise<StaffAfterSessions> {
    const stack = await Stack.start();
    const tokens = {
      operator: await stack.staffToken('operator'),
      finance: await stack.staffToken('finance'),
      auditor: await stack.staffToken('auditor'),
    };
    const [alice, bob] = [await stack.wallet(1), await stack.wallet(2)];
    const staff = new StaffAfterSessions(stack, new Purchases(stack), alice, bob, tokens);
    await staff.playSessions();
    return staff;
  }

  private async playSessions(): Promise<void> {
    const { alice, bob } = this;
    this.ended = (await this.buy(alice, 'create', { memory: 256 })).body.sandbox_id as string;
    const sandbox_id = this.ended;
    await this.buy(alice, 'exec', { sandbox_id, command: ['echo', 'grüße'] });
    const failing = ['python', '-c', 'import sys; sys.stderr.write("e" * 5000); sys.exit(7)'];
    await this.buy(alice, 'exec', { sandbox_id, command: failing });
    await this.buy(alice, 'status', { sandbox_id }, 234n);
    await this.buy(alice, 'terminate', { sandbox_id });
    await new Promise((resolve) => setTimeout(resolve, 20));
    this.betweenSessions = new Date().toISOString();
    this.running = (await this.buy(alice, 'create', {})).body.sandbox_id as string;
    this.bobs = (await this.buy(bob, 'create', { timeout: 120 })).body.sandbox_id as string;
    await this.buy(bob, 'exec', { sandbox_id: this.bobs, command: ['true'] });
  }

  /** Everything that was bought so far. */
  get bought(): readonly Purchase[] {
    return this.purchases.all;
  }

  buy(payer: PrivateKeyAccount, call: SandboxCall, body: object, more = 0n): Promise<Answer> {
    return this.purchases.buy(payer, call, body, more);
  }

  as(role: StaffRole): Record<string, string> {
    return { authorization: `Bearer ${this.tokens[role]}` };
  }

  get(path: string, role: StaffRole): Promise<Answer> {
    return this.stack.get(path, this.as(role));
  }

  async sandboxes(parameters: Record<string, string> = {}): Promise<Sandboxes> {
    const answer = await this.get(`/admin/sandboxes?${query(parameters)}`, 'operator');
    expect([answer.status, answer.text]).toEqual([200, expect.any(String)]);
    return sandboxesAnswer.parse(answer.body);
  }

  async payments(parameters: Record<string, string> = {}): Promise<Payments> {
    const answer = await this.get(`/finance/payments?${query(parameters)}`, 'finance');
    expect([answer.status, answer.text]).toEqual([200, expect.any(String)]);
    return paymentsAnswer.parse(answer.body);
  }

  async audited(action: string): Promise<Record<string, unknown>[]> {
    const { rows } = await this.stack.pool.query<Record<string, unknown>>(
      `SELECT actor_kind, actor, subject_kind, subject, outcome, detail, request_id FROM audit_log WHERE action = $1 ORDER BY id`,
      [action],
    );
    return rows;
  }

  async keyId(role: StaffRole): Promise<string> {
    return (await this.stack.pool.query<{ id: string }>('SELECT id FROM api_keys WHERE role = $1', [role])).rows[0]!.id;
  }
}
