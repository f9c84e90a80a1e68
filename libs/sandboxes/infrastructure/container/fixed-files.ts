import { mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';

/**
 * Files of /etc that are the same in every sandbox and read-only there. Engines open passwd and group from the host when
 * they start a command, so code inside must not be able to put a FIFO or a device in their place; and the others would
 * otherwise be files of the host's disk that code inside can fill.
 */
const FIXED_FILES = {
  passwd: 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n',
  group: 'root:x:0:\nnogroup:x:65534:\n',
  hosts: '127.0.0.1 localhost sandbox\n::1 localhost ip6-localhost\n',
  hostname: 'sandbox\n',
  'resolv.conf': '',
} as const;

const RESOLVER = 'resolv.conf';
/** Beside resolv.conf in our directory: the one of sandboxes with a network. */
const PUBLIC_RESOLVER = 'resolv.conf.public';

/** The bind mounts of a sandbox: with name servers, or without any. */
export function withResolver(binds: readonly string[], hasNetwork: boolean): string[] {
  const [used, other] = hasNetwork ? [PUBLIC_RESOLVER, RESOLVER] : [RESOLVER, PUBLIC_RESOLVER];
  return binds
    .filter((bind) => !bind.endsWith(`/etc/${other}:ro`))
    .map((bind) => bind.replace(`:/etc/${used}:ro`, `:/etc/${RESOLVER}:ro`));
}

/**
 * Writes the files into a directory of our own, which the engine sees under the same name, and returns the bind mounts.
 * Safe with several processes.
 */
export async function writeFixedFiles(directory: string, dnsServers: readonly string[]): Promise<readonly string[]> {
  const home = path.resolve(directory);
  await mkdir(home, { recursive: true, mode: 0o755 });
  const binds: string[] = [];
  const resolver = dnsServers.map((server) => `nameserver ${server}\n`).join('');
  for (const [name, content] of Object.entries({ ...FIXED_FILES, [PUBLIC_RESOLVER]: resolver })) {
    const file = path.join(home, name);
    const unfinished = `${file}.${process.pid}`;
    await writeFile(unfinished, content, { mode: 0o644 });
    await rename(unfinished, file);
    binds.push(`${file}:/etc/${name}:ro`);
  }
  return binds;
}
