import { readFileSync } from 'node:fs';
import { Engine } from './engine';
import { engineClient } from './engine-client';
import { NoGvisorError } from './gvisor';

const PROOF_TIMEOUT_MS = 30_000;
const LIMITS = { Memory: 128 << 20, MemorySwap: 128 << 20, PidsLimit: 1_024, NanoCpus: 1_000_000_000 };
/** Podman asks for a million of each when nobody says a number, which a service without CAP_SYS_RESOURCE cannot give. */
const ULIMITS = [
  { Name: 'nofile', Soft: 4_096, Hard: 8_192 },
  { Name: 'nproc', Soft: 8_192, Hard: 8_192 },
];

/**
 * Runs one command in a container of the engine and looks at the kernel that it sees.
 * @throws NoGvisorError when containers do not start there or see the kernel of this machine
 */
export async function proveGvisor(engine: Engine, imageReference: string): Promise<void> {
  const client = engineClient(engine.dockerHost, PROOF_TIMEOUT_MS);
  try {
    const container = await client.createContainer({
      Image: imageReference,
      Entrypoint: ['/bin/cat'],
      Cmd: ['/proc/version'],
      HostConfig: { NetworkMode: 'none', ...LIMITS, Ulimits: ULIMITS },
    });
    try {
      await container.start();
      await container.wait();
      const seen = await container.logs({ stdout: true, stderr: true });
      const host = readFileSync('/proc/version', 'utf8').trim();
      if (!seen.includes('Linux version') || seen.includes(host)) throw new Error('a container sees the kernel of this machine');
    } finally {
      await container.remove({ force: true });
    }
  } catch (cause) {
    throw new NoGvisorError(`gVisor does not run containers here: ${(cause as Error).message.split('\n')[0]}`, { cause });
  }
}
