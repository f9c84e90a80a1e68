import type { HealthContributor, HealthReport } from '@tollbox/platform/health/health-contributor';
import type { InstallationView } from '../application/ports/installation-view';
import type { ProviderCalls } from '../application/provider-calls';

/** Whether the provider answers, and how strongly it separates sandboxes. */
export class ProviderHealth implements HealthContributor {
  readonly name = 'provider';

  constructor(
    private readonly provider: ProviderCalls,
    private readonly installation: InstallationView,
  ) {}

  async check(): Promise<HealthReport> {
    const { isolation, networkPolicy, features } = this.provider.capabilities();
    const detail = { provider: this.provider.name, isolation, network: networkPolicy, features: [...features].sort() };
    try {
      await this.provider.list(this.installation.id);
      return { ok: true, detail };
    } catch (error) {
      // A rejection would lose the detail, which says what is meant to run here.
      return { ok: false, detail: { ...detail, error: error instanceof Error ? error.name : 'unknown' } };
    }
  }
}
