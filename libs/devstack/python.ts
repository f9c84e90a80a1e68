import { canInstallPackages, installPackages } from './debian-packages';
import { runCommand } from './processes';

const PROBE_TIMEOUT_MS = 10_000;

/**
 * The tests' local Modal control plane runs commands with the python3 of this machine.
 * @throws Error that says what to install where it may not be installed
 */
export async function ensurePython(log: (line: string) => void): Promise<void> {
  const isThere = await runCommand('python3', ['--version'], { timeoutMs: PROBE_TIMEOUT_MS }).then(
    () => true,
    () => false,
  );
  if (isThere) return;
  if (!canInstallPackages()) throw new Error('the tests need python3 on the PATH (Debian, Ubuntu: "apt-get install python3")');
  await installPackages(['python3'], log);
}
