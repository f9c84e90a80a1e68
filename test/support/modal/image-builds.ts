import { execFile } from 'node:child_process';
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { GenericStatus } from './messages';

export interface BuildResult {
  readonly status: GenericStatus;
  readonly exception: string;
  readonly log: string;
}

export interface BuildPlan {
  readonly commands: readonly string[];
  /** The files of the image that it is built on; null for one without files of its own. */
  readonly baseDirectory: string | null;
  /** Made by the build. */
  readonly directory: string;
  readonly binDirectory: string;
}

/** Builds an image: runs its RUN instructions, which must be in JSON form, in the directory that stands for its files. */
export async function buildImage(plan: BuildPlan): Promise<BuildResult> {
  const { commands, baseDirectory, directory, binDirectory } = plan;
  // An image whose registry reference does not exist fails at build, as it does on Modal.
  if (commands.some((command) => command.includes('does-not-exist')))
    return { status: GenericStatus.failure, exception: 'manifest unknown: manifest unknown', log: '' };
  mkdirSync(directory);
  if (baseDirectory !== null) cpSync(baseDirectory, directory, { recursive: true, verbatimSymlinks: true });
  let log = '';
  for (const command of commands.filter((line) => line.startsWith('RUN '))) {
    const [program = '', ...args] = JSON.parse(command.slice('RUN '.length)) as string[];
    const env = { PATH: `${binDirectory}:${join('/usr', 'bin')}:/bin`, HOME: directory, TMPDIR: directory };
    const { code, output } = await run(program, args, { cwd: directory, env });
    log += output;
    if (code !== 0) return { status: GenericStatus.failure, exception: `command returned a non-zero code: ${code}`, log };
  }
  return { status: GenericStatus.success, exception: '', log };
}

function run(program: string, args: string[], options: { cwd: string; env: NodeJS.ProcessEnv }) {
  return new Promise<{ code: number; output: string }>((resolve) => {
    execFile(program, args, options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), output: stdout + stderr }),
    );
  });
}
