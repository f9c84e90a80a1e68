import { rmSync } from 'node:fs';
import path from 'node:path';
import { DevAccount } from './chain';
import { stateDirectory } from './paths';
import { writeAtomically } from './run-record';

/** What `.tollbox/dev.json` tells other programs about the stack that `npm start` runs. */
export interface DevFile {
  readonly gatewayUrl: string;
  readonly gatewayPid: number;
  readonly workerPid: number;
  /** Null when RPC_URL was given. */
  readonly chainPid: number | null;
  /** Null when DATABASE_URL was given. */
  readonly databasePid: number | null;
  readonly rpcUrl: string;
  readonly chainId: number;
  /** CAIP-2 name. */
  readonly network: string;
  readonly usdc: string;
  readonly payTo: string;
  /** Null when no settlement key is known. */
  readonly settlementWallet: string | null;
  /** Pays on-chain refunds; null when no refund key is known. */
  readonly refundWallet: string | null;
  /** Wallets with USDC; none without a chain of our own. */
  readonly agents: readonly DevAccount[];
  readonly adminToken: string;
  readonly financeToken: string;
  /** A second finance key, for what one may not do alone. */
  readonly approverToken: string;
  readonly databaseUrl: string;
  readonly provider: string;
  readonly isolation: string | null;
}

export const devFilePath = (): string => path.join(stateDirectory(), 'dev.json');

/** Written whole and for its owner only: it holds keys. */
export function writeDevFile(content: DevFile): void {
  writeAtomically(devFilePath(), `${JSON.stringify(content, null, 2)}\n`);
}

export function removeDevFile(): void {
  rmSync(devFilePath(), { force: true });
}
