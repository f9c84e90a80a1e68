import type Docker from 'dockerode';
import { ProviderError } from '../../../application/ports/provider';
import { AGENT_PATH, EXEC_ENVIRONMENT, EXEC_USER } from '../container-options';
import { hasVanished, isNotRunning, toProviderError } from '../engine-errors';
import { AgentChannel } from './channel';

/**
 * Opens a channel by one exec of the engine, which runs as long as the channel is open.
 * @throws ProviderError `gone` when the sandbox has ended, another kind when there is no agent to talk to
 */
export async function connectAgent(container: Docker.Container, signal: AbortSignal): Promise<AgentChannel> {
  try {
    const execution = await container.exec({
      Cmd: [AGENT_PATH, 'attach'],
      User: EXEC_USER,
      Env: [...EXEC_ENVIRONMENT],
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
      abortSignal: signal,
    });
    return new AgentChannel(await execution.start({ hijack: true, stdin: true }));
  } catch (error) {
    if (hasVanished(error) || isNotRunning(error)) throw new ProviderError('gone', 'the sandbox has ended', { cause: error });
    throw toProviderError(error, 'attach');
  }
}
