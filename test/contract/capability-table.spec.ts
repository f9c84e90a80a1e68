import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PROVIDER_FEATURES, type ProviderCapabilities } from '@tollbox/sandboxes/application/ports/provider';
import { ContainerProvider } from '@tollbox/sandboxes/infrastructure/container/container.provider';
import { SandboxNetworks } from '@tollbox/sandboxes/infrastructure/container/network/sandbox-networks';
import Docker from 'dockerode';
import { capabilityTable, type CapabilityColumn } from '../support/docs/capability-table';
import { providerOn } from '../support/modal/provider-on-plane';

const FILE = path.join(__dirname, '../../docs/sandboxes.md');
const START = '<!-- capabilities -->';
const END = '<!-- /capabilities -->';

/** What a provider declares, without an engine or a control plane behind it. */
function container(isolation: 'shared-kernel' | 'gvisor', networks: SandboxNetworks | null): ProviderCapabilities {
  const facts = { kind: 'podman', version: '0', runtime: null, isolation } as const;
  const options = { dockerHost: '', imageReferences: new Map<string, string>(), pidsLimit: 1 };
  const agent = { content: Buffer.alloc(0), hash: 'none', bind: null };
  const docker = new Docker({ socketPath: '/nonexistent' });
  return new ContainerProvider(docker, facts, '', [], agent, options, networks).capabilities();
}

const column = (title: string, { isolation, features }: ProviderCapabilities): CapabilityColumn => ({
  title,
  isolation,
  features,
});

describe('the table of capabilities in docs/sandboxes.md', () => {
  it('is what the providers declare (UPDATE_DOCS=1 with this spec renews it)', async () => {
    const modal = providerOn({ environment: { MODAL_TOKEN_ID: 'ak-x', MODAL_TOKEN_SECRET: 'as-x' } });
    const networks = Object.create(SandboxNetworks.prototype) as SandboxNetworks; // only its being there counts
    const table = capabilityTable(PROVIDER_FEATURES, [
      column('container: local Podman as root', container('shared-kernel', networks)),
      column('container: other engines', container('shared-kernel', null)),
      column('container with gVisor', container('gvisor', null)),
      column('modal', modal.capabilities()),
    ]);
    await modal.close();
    const written = readFileSync(FILE, 'utf8');
    const rendered = `${written.slice(0, written.indexOf(START))}${START}\n\n${table}\n\n${written.slice(written.indexOf(END))}`;
    if (process.env['UPDATE_DOCS'] === '1') writeFileSync(FILE, rendered);
    expect(readFileSync(FILE, 'utf8')).toBe(rendered);
  });
});
