import { createModalProvider, type ModalProvider } from '@tollbox/sandboxes/infrastructure/modal/modal-provider';
import type { ModalLogger, ModalProviderOptions } from '@tollbox/sandboxes/infrastructure/modal/settings';
import type { LocalControlPlane } from './control-plane';

export const IMAGE = 'python:3.11';

/** A logger that keeps every line as JSON text. */
export function keepingLogger(): ModalLogger & { readonly lines: string[] } {
  const lines: string[] = [];
  const keep =
    (level: string) =>
    (fields: Readonly<Record<string, unknown>>, message: string): void => {
      lines.push(JSON.stringify({ level, ...fields, message }));
    };
  return { lines, debug: keep('debug'), info: keep('info'), warn: keep('warn'), error: keep('error') };
}

/** The Modal provider, addressed to a local control plane by the environment of this process. */
export function providerOn(
  plane: Pick<LocalControlPlane, 'environment'>,
  options: Partial<ModalProviderOptions> = {},
): ModalProvider {
  Object.assign(process.env, plane.environment);
  return createModalProvider({
    tokenId: plane.environment['MODAL_TOKEN_ID'] ?? '',
    tokenSecret: plane.environment['MODAL_TOKEN_SECRET'] ?? '',
    appName: 'tollbox-test',
    images: [IMAGE],
    createsPerSecond: 1_000,
    logger: keepingLogger(),
    ...options,
  });
}
