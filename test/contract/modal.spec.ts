import type { ProviderFeature } from '@tollbox/sandboxes/application/ports/provider';
import { LocalControlPlane } from '../support/modal/control-plane';
import { IMAGE, providerOn } from '../support/modal/provider-on-plane';
import { describeProviderContract } from './provider-contract';

const FEATURES: readonly ProviderFeature[] = [
  'exec_env',
  'exec_workdir',
  'exec_stdin',
  'pty',
  'network_none',
  'network_public',
  'network_cidrs',
  'network_domains',
  'idle_timeout',
  'setup_commands',
  'files',
  'snapshots',
  'gpu',
];

describeProviderContract('modal, through the SDK on a local control plane', FEATURES, async () => {
  const plane = await LocalControlPlane.start();
  const provider = providerOn(plane);
  return {
    provider,
    image: IMAGE,
    unknownHandle: { providerRef: 'sb-00000000000000000000000000' },
    shortLifetimeMs: 1_000,
    close: async () => {
      await provider.close();
      await plane.stop();
    },
  };
});
