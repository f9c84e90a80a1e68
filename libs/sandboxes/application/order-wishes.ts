import type { SandboxOrder } from '../domain/sandbox';
import type { Wish } from './require-features';

/** What a create asks of the provider beside an image, cpu, memory and time. */
export function wishesOf({ network, ports = [], setupCommands = [], env = {} }: SandboxOrder): Wish[] {
  const { policy, cidrs, domains } = network ?? { policy: null, cidrs: [], domains: [] };
  return [
    [policy === 'none', 'network_none', 'network.policy none'],
    [policy === 'public', 'network_public', 'network.policy public'],
    [cidrs.length > 0, 'network_cidrs', 'network.cidrs'],
    [domains.length > 0, 'network_domains', 'network.domains'],
    [ports.length > 0, 'tunnels', 'ports'],
    [setupCommands.length > 0, 'setup_commands', 'setup_commands'],
    [
      setupCommands.length > 0 && policy !== null && policy !== 'public',
      'setup_network',
      'setup_commands with a network.policy that is not public',
    ],
    [Object.keys(env).length > 0, 'exec_env', 'env'],
  ];
}
