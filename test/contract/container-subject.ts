import {
  type ContainerProvider,
  type ContainerProviderOptions,
  createContainerProvider,
} from '@tollbox/sandboxes/infrastructure/container/container.provider';
import { testEngine, type TestRuntime } from '../support/stack';

/** The image that every spec uses, as it is sold. */
export const IMAGE = 'python:3.11';

/** The provider over the engine of the test run, as a gateway would make it. */
export function testContainerProvider(
  options: Partial<ContainerProviderOptions> = {},
  runtime: TestRuntime = 'default',
): Promise<ContainerProvider> {
  const { dockerHost, imageReferenceMap, agentFile } = testEngine(runtime);
  return createContainerProvider({
    dockerHost,
    imageReferences: imageReferenceMap,
    pidsLimit: 256,
    agentFile,
    lifetimeMarginMs: 0,
    ...options,
  });
}
