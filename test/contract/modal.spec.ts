import { LocalControlPlane } from '../support/modal/control-plane';
import { IMAGE, providerOn } from '../support/modal/provider-on-plane';
import { describeProviderContract } from './provider-contract';

describeProviderContract('modal, through the SDK on a local control plane', async () => {
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
