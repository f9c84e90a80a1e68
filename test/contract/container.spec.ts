import { testRuntimes } from '../support/stack';
import { IMAGE, testContainerProvider } from './container-subject';
import { describeProviderContract } from './provider-contract';

const AGENT = [
  'exec_env',
  'exec_workdir',
  'exec_stdin',
  'exec_signal',
  'pty',
  'pty_resize',
  'background_processes',
  'files',
] as const;
/** gVisor may keep what a sandbox writes to itself, so that the engine has nothing to commit. */
const FEATURES = { default: [...AGENT, 'network_none', 'snapshots'], gvisor: [...AGENT, 'network_none'] } as const;

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
