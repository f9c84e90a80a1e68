import { Inject, Injectable, Logger, Optional } from '@nestjs/common';
import type { Pool } from 'pg';
import { z } from 'zod';
import { CLOCK, type Clock } from '../clock/clock';
import { CONFIG, type Config } from '../config/config';
import { networkOf } from '../config/networks';
import { PG_POOL } from '../database/pg-pool';
import { InstallationService } from '../installation/installation.service';
import { HEALTH_CONTRIBUTORS, type HealthContributor, type HealthReport } from './health-contributor';

export interface Readiness {
  readonly status: 'ready' | 'not_ready';
  /** True while no new sandbox is sold; null when the database cannot say. */
  readonly draining: boolean | null;
  readonly checks: Readonly<Record<string, { readonly status: 'ok' | 'failed' } & Record<string, unknown>>>;
}

const CACHE_MS = 1_000;
const CHECK_TIMEOUT_MS = 5_000;
const chainIdAnswer = z.object({ result: z.string().regex(/^0x[0-9a-fA-F]{1,16}$/) });

/** Rejects when the check does not answer in time, so that one stuck part never holds the whole answer. */
async function inTime(check: Promise<HealthReport>, name: string): Promise<HealthReport> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${name} did not answer within ${CHECK_TIMEOUT_MS} ms`)), CHECK_TIMEOUT_MS);
  });
  try {
    return await Promise.race([check, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks everything this process depends on. Callers within one second share one asking: the route is free and has no rate limit. */
@Injectable()
export class ReadinessCheck {
  private readonly logger = new Logger('Health');
  private cached: { readonly untilMs: number; readonly answer: Promise<Readiness> } | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(PG_POOL) private readonly pool: Pool,
    private readonly installation: InstallationService,
    @Optional() @Inject(HEALTH_CONTRIBUTORS) private readonly contributors: readonly HealthContributor[] = [],
  ) {}

  check(): Promise<Readiness> {
    const nowMs = this.clock.nowMs();
    if (this.cached === undefined || nowMs >= this.cached.untilMs)
      this.cached = { untilMs: nowMs + CACHE_MS, answer: this.ask() };
    return this.cached.answer;
  }

  private async ask(): Promise<Readiness> {
    const all: HealthContributor[] = [
      { name: 'database', check: () => this.askDatabase() },
      { name: 'chain', check: () => this.askChain() },
      ...this.contributors,
    ];
    const reports = await Promise.all(all.map(async (part) => [part.name, await this.reportOf(part)] as const));
    const database = reports.find(([name]) => name === 'database')?.[1];
    const draining = database?.detail?.['draining'];
    return {
      status: reports.every(([, report]) => report.ok) ? 'ready' : 'not_ready',
      draining: typeof draining === 'boolean' ? draining : null,
      checks: Object.fromEntries(
        reports.map(([name, { ok, detail }]) => [name, { status: ok ? ('ok' as const) : ('failed' as const), ...detail }]),
      ),
    };
  }

  /** A part that throws is not ok. Why is for the log: the answer is public. */
  private async reportOf(part: HealthContributor): Promise<HealthReport> {
    try {
      return await inTime(part.check(), part.name);
    } catch (error) {
      this.logger.warn({ part: part.name, err: error, msg: 'a dependency is not healthy' });
      return { ok: false };
    }
  }

  private async askDatabase(): Promise<HealthReport> {
    const { draining } = await this.installation.drainState(this.pool);
    return { ok: true, detail: { draining } };
  }

  private async askChain(): Promise<HealthReport> {
    const response = await fetch(this.config.RPC_URL, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_chainId', params: [] }),
      signal: AbortSignal.timeout(Math.min(this.config.RPC_TIMEOUT_MS, CHECK_TIMEOUT_MS)),
    });
    const chainId = Number.parseInt(chainIdAnswer.parse(await response.json()).result, 16);
    return { ok: chainId === networkOf(this.config).chainId, detail: { chainId, network: networkOf(this.config).caip2 } };
  }
}
