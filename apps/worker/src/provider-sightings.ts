import type { Provider } from '@nestjs/common';
import type { Pool } from 'pg';
import { CONFIG, type Config } from '@tollbox/platform/config/config';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import { sightings, type Sighting } from '@tollbox/reaper/infrastructure/pg-sightings';
import type { ProviderSightings } from '@tollbox/reconciliation/application/ports/reconciliation-store';
import type { Finding } from '@tollbox/reconciliation/domain/item';
import { PROVIDER_SIGHTINGS } from '@tollbox/reconciliation/reconciliation.module';

/** More at once mean that a list is wrong; then the first ones tell enough. */
const LIMIT = 1_000;

function toFinding({ kind, provider, providerRef, sandboxId }: Sighting): Finding {
  const isOrphan = kind === 'object_without_row';
  return {
    class: isOrphan ? 'provider_orphan' : 'provider_ghost',
    subject: sandboxId ?? `${provider}:${providerRef ?? ''}`,
    expected: isOrphan ? 'a live sandbox' : `${provider}:${providerRef ?? ''}`,
    actual: null,
    detail: { provider, provider_ref: providerRef, sandbox_id: sandboxId },
  };
}

export class ReaperSightings implements ProviderSightings {
  constructor(
    private readonly pool: Pool,
    private readonly graceMs: number,
  ) {}

  async list(): Promise<readonly Finding[]> {
    return (await sightings(this.pool, this.graceMs, LIMIT)).map(toFinding);
  }
}

/** What the reaper sees of the provider, for reconciliation: neither library knows the other. */
export const providerSightings: Provider = {
  provide: PROVIDER_SIGHTINGS,
  inject: [CONFIG, PG_POOL],
  useFactory: (config: Config, pool: Pool) => new ReaperSightings(pool, config.RECONCILIATION_GRACE_MS),
};
