import { IMAGE, testContainerProvider } from './container-subject';
import { describeProviderContract } from './provider-contract';

describeProviderContract('container', ['snapshots'], async () => {
  const provider = await testContainerProvider();
  return {
    provider,
    image: IMAGE,
    unknownHandle: { providerRef: 'f'.repeat(64) },
    shortLifetimeMs: 1_000,
    close: () => provider.close(),
  };
});
