import type Docker from 'dockerode';
import {
  type ExecOptions,
  ProviderError,
  type ProviderFeature,
  type ProviderHandle,
  type ProviderProcess,
} from '../../../application/ports/provider';
import { underAgent } from '../container-options';
import { isSandboxRunning, startCommand } from '../container-process';
import { withinDeadline } from '../deadline';
import { type AgentBinary, agentArchive } from './agent-binary';
import { startThroughAgent } from './agent-process';
import type { AgentChannel } from './channel';
import { ChannelPool } from './channel-pool';
import type { ChannelSource } from './container-processes';
import { connectAgent } from './connect';

export const AGENT_FEATURES: readonly ProviderFeature[] = [
  'exec_env',
  'exec_workdir',
  'exec_stdin',
  'exec_signal',
  'pty',
  'pty_resize',
  'background_processes',
  'files',
];

/** The agents inside the sandboxes: how they get there and how commands reach them. */
export class ContainerAgents implements ChannelSource {
  private readonly channels: ChannelPool;

  constructor(
    private readonly binary: AgentBinary,
    private readonly containerOf: (containerRef: string) => Docker.Container,
    closing: AbortSignal,
  ) {
    this.channels = new ChannelPool((containerRef, signal) =>
      connectAgent(containerOf(containerRef), AbortSignal.any([signal, closing])),
    );
  }

  get hash(): string {
    return this.binary.hash;
  }

  /** Puts the agent into a container that has not started, where no bind mount does. */
  async install(container: Docker.Container, signal: AbortSignal): Promise<void> {
    if (this.binary.bind !== null) return;
    await container.putArchive(agentArchive(this.binary), { path: '/', abortSignal: signal });
  }

  /** Connects in the background, so that the first command finds the connection. */
  warm(containerRef: string): void {
    this.channels.warm(containerRef);
  }

  drop(containerRef: string): void {
    this.channels.drop(containerRef);
  }

  /** @throws ProviderError as the port says */
  async exec(
    container: Docker.Container,
    argv: readonly string[],
    options: ExecOptions,
    signal: AbortSignal,
  ): Promise<ProviderProcess> {
    const channel = await withinDeadline(this.channels.get(container.id), signal, 'exec');
    if (channel === null) return startCommand(container, argv, options, underAgent, signal);
    const context = { isSandboxRunning: () => isSandboxRunning(container, signal) };
    return startThroughAgent(channel, argv, options, context, signal);
  }

  async channelTo({ providerRef }: ProviderHandle): Promise<AgentChannel> {
    const channel = await this.channels.get(this.containerOf(providerRef).id);
    if (channel === null) throw new ProviderError('unavailable', 'the agent of the sandbox, which holds its processes, is gone');
    return channel;
  }

  isRunning({ providerRef }: ProviderHandle, signal: AbortSignal): Promise<boolean> {
    return isSandboxRunning(this.containerOf(providerRef), signal);
  }

  close(): void {
    this.channels.close();
  }
}
