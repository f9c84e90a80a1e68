import type { Pool } from 'pg';
import type { CallPace } from '../modal/call-pace';

/** The first free moment, from the database's own clock; the next one is an interval later. */
const RESERVE = `
  INSERT INTO call_paces AS pace (name, next_at) VALUES ($1, clock_timestamp() + $2 * interval '1 ms')
  ON CONFLICT (name) DO UPDATE SET next_at = greatest(pace.next_at, clock_timestamp()) + $2 * interval '1 ms'
  RETURNING extract(epoch FROM next_at - clock_timestamp()) * 1000 - $2 AS wait_ms`;

const HOLD_OFF = `
  INSERT INTO call_paces AS pace (name, next_at) VALUES ($1, clock_timestamp() + $2 * interval '1 ms')
  ON CONFLICT (name) DO UPDATE SET next_at = greatest(pace.next_at, excluded.next_at)`;

/** One pace for all processes of the installation. A process that dies loses the moments that it took, nothing else. */
export class SharedPace implements CallPace {
  constructor(
    private readonly pool: Pool,
    private readonly name: string,
    private readonly intervalMs: number,
  ) {}

  async reserve(): Promise<number> {
    const { rows } = await this.pool.query<{ wait_ms: string }>(RESERVE, [this.name, this.intervalMs]);
    return Math.max(0, Number(rows[0]?.wait_ms));
  }

  async holdOff(forMs: number): Promise<void> {
    await this.pool.query(HOLD_OFF, [this.name, forMs]);
  }
}
