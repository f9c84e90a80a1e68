import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { ProviderError } from '../../../application/ports/provider';

const PLACES = ['/usr/sbin', '/usr/bin', '/sbin', '/bin', '/usr/local/sbin', '/usr/local/bin'];
const TOOLS = ['nft', 'ip', 'nsenter'] as const;
type Tool = (typeof TOOLS)[number];
const MAX_OUTPUT_BYTES = 1 << 20;

function find(tool: Tool): string | null {
  const isThere = (path: string): boolean => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  };
  return PLACES.map((place) => join(place, tool)).find(isThere) ?? null;
}

/** The host's commands for links, packet filter and namespaces. */
export class HostTools {
  private constructor(private readonly paths: Readonly<Record<Tool, string>>) {}

  /** Null where this process may not change the network of its host, or a command is missing. */
  static async find(signal: AbortSignal): Promise<HostTools | null> {
    if (process.platform !== 'linux' || process.getuid?.() !== 0) return null;
    const [nft, ip, nsenter] = TOOLS.map(find);
    if (!nft || !ip || !nsenter) return null;
    const tools = new HostTools({ nft, ip, nsenter });
    try {
      // Needs CAP_NET_ADMIN, which root in a container often lacks.
      await tools.run('nft', ['list', 'tables'], signal);
      return tools;
    } catch {
      return null;
    }
  }

  /** @throws ProviderError `internal` with what the command wrote to stderr */
  run(tool: Tool, args: readonly string[], signal: AbortSignal, input = ''): Promise<string> {
    return new Promise((resolve, reject) => {
      const child = execFile(
        this.paths[tool],
        args,
        { signal, maxBuffer: MAX_OUTPUT_BYTES, env: {}, killSignal: 'SIGKILL' },
        (error, stdout, stderr) => {
          if (error === null) resolve(stdout);
          else
            reject(
              new ProviderError('internal', `${tool} ${args[0] ?? ''}: ${stderr.trim() || error.message}`, { cause: error }),
            );
        },
      );
      child.stdin?.on('error', () => undefined);
      child.stdin?.end(input);
    });
  }

  /** Runs a command in a network namespace, which `namespace` names as a path. */
  runIn(namespace: string, tool: 'nft' | 'ip', args: readonly string[], signal: AbortSignal, input = ''): Promise<string> {
    return this.run('nsenter', [`--net=${namespace}`, this.paths[tool], ...args], signal, input);
  }
}
