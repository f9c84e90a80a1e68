import { createModalProvider } from '@tollbox/sandboxes/infrastructure/modal/modal-provider';
import { LocalControlPlane } from '../support/modal/control-plane';
import { describeProviderContract } from './provider-contract';

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

describeProviderContract('modal, through the SDK on a local control plane', async () => {
  const plane = await LocalControlPlane.start();
  Object.assign(process.env, plane.environment);
  const provider = createModalProvider({
    tokenId: plane.environment['MODAL_TOKEN_ID'] ?? '',
    tokenSecret: plane.environment['MODAL_TOKEN_SECRET'] ?? '',
    appName: 'tollbox-contract',
    images: ['python:3.11'],
    logger: silent,
  });
  return {
    provider,
    image: 'python:3.11',
    unknownHandle: { providerRef: 'sb-00000000000000000000000000' },
    shortLifetimeMs: 1_000,
    close: async () => {
      await provider.close();
      await plane.stop();
    },
  };
});
