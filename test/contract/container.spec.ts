import { testRuntimes } from '../support/stack';
import { IMAGE, testContainerProvider } from './container-subject';
import { describeProviderContract } from './provider-contract';

/** gVisor may keep what a sandbox writes to itself, so that the engine has nothing to commit. */
const FEATURES = { default: ['network_none', 'snapshots'], gvisor: ['network_none'] } as const;

for (const runtime of testRuntimes()) {
  describeProviderContract(`container, ${runtime} runtime`, FEATURES[runtime], async () => {
    const provider = await testContainerProvider({}, runtime);
    return {
      provider,
      image: IMAGE,
      unknownHandle: { providerRef: 'f'.repeat(64) },
      shortLifetimeMs: 1_000,
      close: () => provider.close(),
    };
  });
}
