import { createHash } from 'node:crypto';
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ProviderError } from '../../../application/ports/provider';
import { AGENT_PATH } from '../container-options';

const ELF = Buffer.from([0x7f, 0x45, 0x4c, 0x46]);
const TAR_BLOCK_BYTES = 512;

export interface AgentBinary {
  readonly content: Buffer;
  /** First digits of its SHA-256: another agent has another name. */
  readonly hash: string;
  /** Bind mount for an engine that sees our files; null where the binary is copied into each container. */
  readonly bind: string | null;
}

/**
 * Reads the agent and, for an engine on this machine, puts a copy under a name that never changes its content into our
 * own directory, which the engine sees under the same name. Safe with several processes.
 * @throws ProviderError `misconfigured` when there is no program at `file`
 */
export async function prepareAgentBinary(file: string, sharedDirectory: string, isLocal: boolean): Promise<AgentBinary> {
  const content = await readFile(file).catch((cause: unknown) => {
    throw new ProviderError('misconfigured', `SANDBOX_AGENT_FILE cannot be read: ${file}`, { cause });
  });
  if (!content.subarray(0, ELF.length).equals(ELF))
    throw new ProviderError('misconfigured', `SANDBOX_AGENT_FILE is not a Linux program: ${file}`);
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 16);
  if (!isLocal) return { content, hash, bind: null };
  const home = path.resolve(sharedDirectory);
  await mkdir(home, { recursive: true, mode: 0o755 });
  const copy = path.join(home, `agent-${hash}`);
  const unfinished = `${copy}.${process.pid}`;
  await writeFile(unfinished, content, { mode: 0o755 });
  await chmod(unfinished, 0o755); // whatever the umask is
  await rename(unfinished, copy);
  return { content, hash, bind: `${copy}:${AGENT_PATH}:ro` };
}

function tarHeader(name: string, type: '0' | '5', mode: number, sizeBytes: number): Buffer {
  const header = Buffer.alloc(TAR_BLOCK_BYTES);
  const octal = (value: number, length: number) => value.toString(8).padStart(length - 1, '0');
  header.write(name, 0);
  header.write(octal(mode, 8), 100);
  header.write(octal(0, 8), 108);
  header.write(octal(0, 8), 116);
  header.write(octal(sizeBytes, 12), 124);
  header.write(octal(0, 12), 136);
  header.write(' '.repeat(8), 148);
  header.write(type, 156);
  header.write('ustar\0' + '00', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${octal(sum, 7)}\0 `, 148);
  return header;
}

/** The archive that puts the agent into a container whose engine does not see our files. */
export function agentArchive({ content }: AgentBinary): Buffer {
  const padding = Buffer.alloc((TAR_BLOCK_BYTES - (content.length % TAR_BLOCK_BYTES)) % TAR_BLOCK_BYTES);
  return Buffer.concat([
    tarHeader(`${path.posix.dirname(AGENT_PATH).slice(1)}/`, '5', 0o755, 0),
    tarHeader(AGENT_PATH.slice(1), '0', 0o755, content.length),
    content,
    padding,
    Buffer.alloc(2 * TAR_BLOCK_BYTES),
  ]);
}
