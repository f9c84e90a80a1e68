import {
  type ContainerProvider,
  type ContainerProviderOptions,
  createContainerProvider,
} from '@tollbox/sandboxes/infrastructure/container/container.provider';
import { ENV } from '../support/stack/env';

export const IMAGE = 'python:3.11';

function fromStack(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`${name} is not set: is jest's globalSetup configured?`);
  return value;
}

export const testDockerHost = (): string => fromStack(ENV.dockerHost);

/** `sold=reference,…` → sold image to local reference. */
export function testImageReferences(): ReadonlyMap<string, string> {
  const pairs = fromStack(ENV.imageReferences).split(',');
  return new Map(pairs.map((pair): [string, string] => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
}

/** The provider over the engine of the test run, as a gateway would make it. */
export function testContainerProvider(options: Partial<ContainerProviderOptions> = {}): Promise<ContainerProvider> {
  return createContainerProvider({
    dockerHost: testDockerHost(),
    imageReferences: testImageReferences(),
    pidsLimit: 256,
    lifetimeMarginMs: 0,
    ...options,
  });
}
