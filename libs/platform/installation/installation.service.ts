import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { Pool, PoolClient } from 'pg';
import { IDS, type Ids } from '../clock/random';
import { CONFIG, ConfigurationError, type Config } from '../config/config';
import { networkOf } from '../config/networks';
import { PG_POOL } from '../database/pg-pool';

/** Who this installation is. Every provider object carries its id. */
export interface Installation {
  readonly id: string;
  /** CAIP-2 name of the chain, for example `eip155:84532`. */
  readonly network: string;
  /** Lower-case address of the token. */
  readonly asset: string;
  /** Lower-case address that is paid. */
  readonly payTo: string;
}

/** Whether new sandboxes are refused, since when and by whom. */
export interface DrainState {
  readonly draining: boolean;
  readonly drainedAt: Date | null;
  readonly drainedBy: string | null;
}

interface DrainRow {
  drained_at: Date | null;
  drained_by: string | null;
}

const toDrainState = (row: DrainRow | undefined): DrainState => ({
  draining: row !== undefined && row.drained_at !== null,
  drainedAt: row?.drained_at ?? null,
  drainedBy: row?.drained_by ?? null,
});

/**
 * The single installation row of the database. A database that was started for another chain, token or receiving wallet
 * is refused: its payments could never be told apart from ours.
 */
@Injectable()
export class InstallationService implements OnModuleInit {
  private installation: Installation | undefined;

  constructor(
    @Inject(PG_POOL) private readonly pool: Pool,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(IDS) private readonly ids: Ids,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.load();
  }

  /**
   * Reads the row, or creates it in an empty database. Safe when several processes start at once.
   * @throws ConfigurationError when network, asset or pay_to differ from the stored ones.
   */
  async load(): Promise<Installation> {
    if (this.installation !== undefined) return this.installation;
    const network = networkOf(this.config);
    const wanted: Installation = { id: this.ids.uuid(), network: network.caip2, asset: network.usdc, payTo: this.config.PAY_TO };
    await this.pool.query(
      'INSERT INTO installation (id, network, asset, pay_to) VALUES ($1, $2, $3, $4) ON CONFLICT (singleton) DO NOTHING',
      [wanted.id, wanted.network, wanted.asset, wanted.payTo],
    );
    const { rows } = await this.pool.query<Installation>('SELECT id, network, asset, pay_to AS "payTo" FROM installation');
    const stored = rows[0];
    if (stored === undefined) throw new Error('the installation row is missing');
    refuseOtherInstallation(stored, wanted);
    this.installation = Object.freeze(stored);
    return this.installation;
  }

  /** The installation, once the module is initialised. */
  get current(): Installation {
    if (this.installation === undefined) throw new Error('the installation is read before the application is initialised');
    return this.installation;
  }

  get id(): string {
    return this.current.id;
  }

  async isDraining(): Promise<boolean> {
    return (await this.drainState()).draining;
  }

  async drainState(client: Pool | PoolClient = this.pool): Promise<DrainState> {
    const { rows } = await client.query<DrainRow>('SELECT drained_at, drained_by FROM installation');
    return toDrainState(rows[0]);
  }

  /**
   * From now on no new sandbox is sold, in every process. Draining again changes nothing: the first time and name stay.
   * @param client of a transaction that this is part of
   */
  async drain(by: string, client: Pool | PoolClient = this.pool): Promise<DrainState> {
    await client.query('UPDATE installation SET drained_at = now(), drained_by = $1 WHERE drained_at IS NULL', [by]);
    return this.drainState(client);
  }

  /** New sandboxes are sold again. */
  async undrain(client: Pool | PoolClient = this.pool): Promise<DrainState> {
    await client.query('UPDATE installation SET drained_at = NULL, drained_by = NULL');
    return this.drainState(client);
  }
}

function refuseOtherInstallation(stored: Installation, wanted: Installation): void {
  const differences = (
    [
      ['X402_NETWORK', stored.network, wanted.network],
      ['X402_NETWORK (token address)', stored.asset, wanted.asset],
      ['PAY_TO', stored.payTo, wanted.payTo],
    ] as const
  ).filter(([, before, now]) => before !== now);
  if (differences.length === 0) return;
  throw new ConfigurationError(
    differences.map(
      ([name, before, now]) =>
        `${name}: this database belongs to an installation with ${before}, but the configuration says ${now}`,
    ),
  );
}
