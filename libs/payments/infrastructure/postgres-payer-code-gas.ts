import type { Pool } from 'pg';
import type { Config } from '@tollbox/platform/config/config';
import type { PayerCodeGas } from '../application/ports/payer-code-gas';

export interface PayerCodeGasLimits {
  readonly budgetWeiPerHour: bigint;
  /** A settlement that succeeds with more gas than this has burnt it too. */
  readonly ceilingGas: number;
}

export const payerCodeGasLimits = (
  config: Pick<Config, 'PAYER_CODE_GAS_BUDGET_WEI_PER_HOUR' | 'PAYER_CODE_GAS_CEILING'>,
): PayerCodeGasLimits => ({
  budgetWeiPerHour: config.PAYER_CODE_GAS_BUDGET_WEI_PER_HOUR,
  ceilingGas: config.PAYER_CODE_GAS_CEILING,
});

/** Counted from the settlement transactions that run a payer's code: what they cost in a block, and what they can cost until then. */
export class PostgresPayerCodeGas implements PayerCodeGas {
  constructor(
    private readonly pool: Pool,
    private readonly network: string,
    private readonly limits: PayerCodeGasLimits,
  ) {}

  async isUsedUp(): Promise<boolean> {
    const { burntWei } = await this.read();
    return burntWei >= this.limits.budgetWeiPerHour;
  }

  async isSpokenFor(): Promise<boolean> {
    const { burntWei, openWei } = await this.read();
    return burntWei + openWei >= this.limits.budgetWeiPerHour;
  }

  private async read(): Promise<{ burntWei: bigint; openWei: bigint }> {
    const { rows } = await this.pool.query<{ burnt: string; open: string }>({
      name: 'settlement.payer_code_gas',
      text: `SELECT coalesce(sum(fee_wei) FILTER (WHERE state = 'reverted' OR (state = 'succeeded' AND gas_used > $2)), 0) AS burnt,
          coalesce(sum(gas_limit * max_fee_per_gas_wei) FILTER (WHERE state IN ('stored', 'sent')), 0) AS open
        FROM settlement_transactions
        WHERE runs_payer_code AND network = $1 AND (resolved_at IS NULL OR resolved_at > now() - interval '1 hour')`,
      values: [this.network, this.limits.ceilingGas],
    });
    return { burntWei: BigInt(rows[0]?.burnt ?? 0), openWei: BigInt(rows[0]?.open ?? 0) };
  }
}
