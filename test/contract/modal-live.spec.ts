import { PROVIDER_FEATURES } from '@tollbox/sandboxes/application/ports/provider';
import { createModalProvider } from '@tollbox/sandboxes/infrastructure/modal/modal-provider';
import { IMAGE, keepingLogger } from '../support/modal/provider-on-plane';
import { describeProviderContract } from './provider-contract';

const { TOLLBOX_E2E_MODAL, MODAL_TOKEN_ID: tokenId, MODAL_TOKEN_SECRET: tokenSecret } = process.env;

/** The contract suite on a real account; it costs a few cents. Null when it can run. */
function reasonNotToRun(): string | null {
  if (TOLLBOX_E2E_MODAL !== '1') return 'TOLLBOX_E2E_MODAL is not 1';
  if (!tokenId || !tokenSecret) return 'MODAL_TOKEN_ID and MODAL_TOKEN_SECRET are not set';
  return null;
}

const reason = reasonNotToRun();
if (reason === null) {
  jest.setTimeout(300_000);
  const provider = createModalProvider({
    tokenId: tokenId ?? '',
    tokenSecret: tokenSecret ?? '',
    appName: 'tollbox-contract',
    images: [IMAGE],
    logger: keepingLogger(),
  });
  // A GPU costs far more than everything else; its create is held on the local control plane only.
  const features = PROVIDER_FEATURES.filter((feature) => provider.capabilities().features.has(feature));
  describeProviderContract('modal, on a real account', features, () =>
    Promise.resolve({
      provider,
      image: IMAGE,
      unknownHandle: { providerRef: 'sb-00000000000000000000000000' },
      shortLifetimeMs: 10_000,
      close: () => provider.close(),
    }),
  );
} else {
  it(`the contract suite on a real Modal account is not run: ${reason}`, () => {
    process.stdout.write(`modal, on a real account: not run: ${reason}\n`);
    expect(reason).not.toBe('');
  });
}
