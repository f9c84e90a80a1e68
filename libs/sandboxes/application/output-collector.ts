import { createHash } from 'node:crypto';
import { withoutCutCharacter } from '../domain/output';
import type { CapturedOutput, ExecutionResult } from '../domain/sandbox';
import type { ProviderProcess } from './ports/provider';

/**
 * Reads a stream to its end and keeps its beginning; everything is counted and hashed.
 * @param maxBytes kept at most; a character that the cut goes through is left out.
 */
export async function collectOutput(stream: AsyncIterable<Uint8Array>, maxBytes: number): Promise<CapturedOutput> {
  const hash = createHash('sha256');
  const kept: Uint8Array[] = [];
  let keptBytes = 0;
  let totalBytes = 0;
  for await (const chunk of stream) {
    hash.update(chunk);
    totalBytes += chunk.length;
    if (keptBytes < maxBytes && chunk.length > 0) {
      // Copied, because a small part of a large buffer would keep all of it in memory.
      const part = Uint8Array.prototype.slice.call(chunk, 0, maxBytes - keptBytes);
      kept.push(part);
      keptBytes += part.length;
    }
  }
  const truncated = totalBytes > keptBytes;
  const bytes = Buffer.concat(kept);
  return { bytes: truncated ? withoutCutCharacter(bytes) : bytes, totalBytes, truncated, sha256: hash.digest('hex') };
}

/** Both streams are read at the same time: a full pipe that nobody reads would stop the command. */
export async function collectProcess(process: ProviderProcess, maxBytes: number): Promise<Omit<ExecutionResult, 'durationMs'>> {
  const [stdout, stderr, exit] = await Promise.all([
    collectOutput(process.stdout, maxBytes),
    collectOutput(process.stderr, maxBytes),
    process.exit,
  ]);
  return { stdout, stderr, returncode: exit.returncode, timedOut: exit.timedOut };
}
