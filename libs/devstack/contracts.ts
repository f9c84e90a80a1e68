import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Abi, Hex } from 'viem';
import { projectRoot, stateDirectory } from './paths';
import { runCommand } from './processes';

const COMPILE_TIMEOUT_MS = 60_000;

export interface ContractArtifact {
  readonly abi: Abi;
  /** Creation code, without constructor arguments. */
  readonly bytecode: Hex;
  /** Code as it stands at an address. */
  readonly deployedBytecode: Hex;
}

export interface DevContracts {
  readonly DevUsdc: ContractArtifact;
  readonly DevUsdcProxy: ContractArtifact;
  readonly DevMulticall3: ContractArtifact;
  readonly DevSmartWallet: ContractArtifact;
}

/** The development contracts, compiled when their sources changed since the last time (about 1 s), else read back. */
export async function devContracts(): Promise<DevContracts> {
  const folder = path.join(projectRoot(), 'libs', 'devstack', 'contracts');
  const compiler = path.join(projectRoot(), 'scripts', 'compile-contracts.mjs');
  const hash = createHash('sha256').update(readFileSync(compiler));
  for (const file of readdirSync(folder).sort()) hash.update(`\0${file}\0`).update(readFileSync(path.join(folder, file)));
  const cache = path.join(stateDirectory(), 'contracts', `${hash.digest('hex')}.json`);
  if (!existsSync(cache)) {
    const { stdout } = await runCommand(process.execPath, [compiler, folder], { timeoutMs: COMPILE_TIMEOUT_MS });
    mkdirSync(path.dirname(cache), { recursive: true });
    const unfinished = `${cache}.${randomUUID()}`;
    writeFileSync(unfinished, stdout);
    renameSync(unfinished, cache); // whoever reads sees a whole file or none
  }
  return JSON.parse(readFileSync(cache, 'utf8')) as DevContracts;
}
