import { PassThrough } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import type Docker from 'dockerode';
import { engineClient } from '@tollbox/devstack/engine-client';
import { installationLabel } from '@tollbox/devstack/leftovers';

const LOOK_AGAIN_MS = 5;
const MIB = 1024 * 1024;
/** Podman asks for a million of each when nobody says a number, which a service without CAP_SYS_RESOURCE cannot give. */
const ULIMITS = [
  { Name: 'nofile', Soft: 4_096, Hard: 8_192 },
  { Name: 'nproc', Soft: 8_192, Hard: 8_192 },
];

export interface RawExecResult {
  readonly returncode: number;
  readonly stdout: string;
}

/** The container engine's own API through dockerode, with nothing of Tollbox between: the peer that is compared with. */
export class RawEngine {
  private readonly docker: Docker;
  private readonly created: Docker.Container[] = [];

  /** @param imageReference what the engine calls the sandbox image */
  constructor(
    dockerHost: string,
    private readonly imageReference: string,
    /** Its containers carry the label of this installation, so that whoever clears up after a killed run finds them. */
    private readonly installationId: string,
  ) {
    this.docker = engineClient(dockerHost);
  }

  /** Creates and starts a container with the limits of a sandbox and without its hardening. */
  async createAndStart(memoryMiB: number): Promise<void> {
    const [name, value] = installationLabel(this.installationId).split('=') as [string, string];
    const container = await this.docker.createContainer({
      Image: this.imageReference,
      Entrypoint: ['sleep'],
      Cmd: ['300'],
      Labels: { [name]: value },
      HostConfig: {
        NetworkMode: 'none',
        Init: true,
        Memory: memoryMiB * MIB,
        NanoCpus: 1_000_000_000,
        PidsLimit: 1_024,
        Ulimits: ULIMITS,
      },
    });
    this.created.push(container);
    await container.start();
  }

  async removeCreated(): Promise<void> {
    await Promise.all(this.created.splice(0).map((container) => container.remove({ force: true, v: true })));
  }

  /** Create exec, start it, read both streams to their ends, inspect until the exit code is there. */
  async exec(containerId: string, argv: readonly string[]): Promise<RawExecResult> {
    const execution = await this.docker
      .getContainer(containerId)
      .exec({ Cmd: [...argv], User: '0:0', AttachStdout: true, AttachStderr: true });
    const connection = await execution.start({ hijack: true, stdin: false });
    const chunks: Buffer[] = [];
    const stdout = new PassThrough().on('data', (chunk: Buffer) => chunks.push(chunk));
    this.docker.modem.demuxStream(connection, stdout, new PassThrough().resume());
    await new Promise((resolve, reject) => connection.once('end', resolve).once('close', resolve).once('error', reject));
    for (;;) {
      const { Running, ExitCode } = await execution.inspect();
      if (!Running && ExitCode !== null) return { returncode: ExitCode, stdout: Buffer.concat(chunks).toString('utf8') };
      await pause(LOOK_AGAIN_MS);
    }
  }

  async inspect(containerId: string): Promise<void> {
    const { State } = await this.docker.getContainer(containerId).inspect();
    if (!State.Running) throw new Error(`container ${containerId} does not run`);
  }
}
