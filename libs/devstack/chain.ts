import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { Address, encodeDeployData, encodeFunctionData, erc20Abi, getAddress, Hex, keccak256, pad, stringToBytes } from 'viem';
import { mnemonicToAccount } from 'viem/accounts';
import { DEV_MNEMONIC, devPrivateKey } from '@tollbox/platform/config/dev-keys';
import { NETWORKS } from '@tollbox/platform/config/networks';
import { devContracts } from './contracts';
import { delay, freePort, ManagedProcess, startProcess, stopProcess, waitUntilReady } from './processes';

const START_ATTEMPTS = 4;
const READY_TIMEOUT_MS = 20_000;
const STOP_GRACE_MS = 5_000;
const RPC_TIMEOUT_MS = 10_000;
const RECEIPT_TIMEOUT_MS = 30_000;
const ETH_FOR_A_TRANSFER = '0xde0b6b3a7640000'; // 1 ETH in wei

export type DevChainId = 84532 | 8453;

/** The canonical addresses on the real networks; the development chain has its own code at the same ones. */
export const USDC_ADDRESS: Readonly<Record<DevChainId, Address>> = {
  84532: getAddress(NETWORKS['base-sepolia'].usdc),
  8453: getAddress(NETWORKS.base.usdc),
};
export const MULTICALL3_ADDRESS: Address = '0xcA11bde05977b3631167028862bE2a173976CA11';

/** Where the token's code stands; at the token's own address is a proxy, as on the real networks. */
const USDC_IMPLEMENTATION: Address = '0x00000000000000000000000000000000da000001';
const PROXY_SLOTS = {
  admin: keccak256(stringToBytes('org.zeppelinos.proxy.admin')),
  implementation: keccak256(stringToBytes('org.zeppelinos.proxy.implementation')),
} as const;

export interface DevAccount {
  readonly address: Address;
  readonly privateKey: Hex;
}

/** One of the chain's funded accounts (10,000 ETH each). */
export function devAccount(index: number): DevAccount {
  return { address: mnemonicToAccount(DEV_MNEMONIC, { addressIndex: index }).address, privateKey: devPrivateKey(index) };
}

/** Who uses which of the chain's accounts, so that no two parts share a transaction nonce. */
export const DEV_ACCOUNT_INDEX = {
  settlement: 0,
  agents: [1, 2, 3, 4, 5],
  tokenAdmin: 6,
  refunds: 7,
  payTo: 8,
  minter: 9,
} as const;

export interface ChainOptions {
  /** A directory of the caller that lives as long as the chain; stop() removes `<directory>/chain`. */
  readonly directory: string;
  /** 84532 (default): no signature made here is worth anything on Base. */
  readonly chainId?: DevChainId;
  /** Seconds between blocks; without it every transaction makes a block. */
  readonly blockTimeS?: number;
  /** Exactly this port; without it a free one. */
  readonly port?: number;
}

export interface Chain {
  readonly rpcUrl: string;
  readonly chainId: DevChainId;
  readonly pid: number;
  readonly usdc: Address;
  /** Gives `to` new USDC (atomic units) and waits until it is in a block. */
  mint(to: Address, amountAtomic: bigint): Promise<void>;
  /** Sends USDC of any account, whoever has its key, and waits until it is in a block. */
  transfer(from: Address, to: Address, amountAtomic: bigint): Promise<void>;
  /** USDC of `account` in atomic units. */
  balanceOf(account: Address): Promise<bigint>;
  /** Puts an EIP-1271 wallet of `owner` on the chain. */
  deploySmartWallet(owner: Address): Promise<Address>;
  /** Blocks every `seconds`; null: a block for every transaction. */
  setBlockTime(seconds: number | null): Promise<void>;
  /** False: blocks only by mine(). */
  setAutomine(on: boolean): Promise<void>;
  mine(blocks?: number): Promise<void>;
  /** Any JSON-RPC call; rejects with the chain's error text. */
  rpc(method: string, params?: readonly unknown[]): Promise<unknown>;
  /** Settles when the chain has ended, wanted or not. */
  readonly exited: Promise<unknown>;
  stop(): Promise<void>;
}

function anvilBinary(): string {
  if (process.platform === 'linux' && process.arch === 'x64') {
    try {
      return path.join(path.dirname(require.resolve('@foundry-rs/anvil-linux-amd64/package.json')), 'bin', 'anvil');
    } catch (cause) {
      throw new Error('the optional package @foundry-rs/anvil-linux-amd64 is not installed; run `npm ci`', { cause });
    }
  }
  return 'anvil'; // other systems: Foundry's own installation, found on the PATH
}

async function callRpc(url: string, method: string, params: readonly unknown[]): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    signal: AbortSignal.timeout(RPC_TIMEOUT_MS),
  });
  const answer = (await response.json()) as { result?: unknown; error?: { message: string } };
  if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`);
  return answer.result;
}

async function isAnswering(url: string): Promise<boolean> {
  try {
    await callRpc(url, 'eth_chainId', []);
    return true;
  } catch {
    return false; // not listening yet
  }
}

async function launch(home: string, options: ChainOptions): Promise<{ server: ManagedProcess; rpcUrl: string }> {
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort());
    const args = ['--host', '127.0.0.1', '--port', String(port), '--chain-id', String(options.chainId ?? 84532), '--silent'];
    args.push('--mnemonic', DEV_MNEMONIC, '--accounts', '20', '--no-request-size-limit');
    const server = await startProcess(anvilBinary(), args, {
      cwd: home,
      env: { PATH: process.env['PATH'], HOME: home }, // what the chain writes to its home goes with the run directory
      logFile: path.join(home, 'anvil.log'),
    });
    const rpcUrl = `http://127.0.0.1:${port}`;
    try {
      await waitUntilReady(server, 'the local chain', READY_TIMEOUT_MS, () => isAnswering(rpcUrl));
      return { server, rpcUrl };
    } catch (error) {
      await stopProcess(server, 'SIGTERM', STOP_GRACE_MS);
      if (options.port === undefined && attempt < START_ATTEMPTS && server.logTail().includes('in use')) continue;
      throw error;
    }
  }
}

interface DevTransaction {
  readonly from?: Address;
  readonly to?: Address;
  readonly data: Hex;
}

class AnvilChain implements Chain {
  readonly chainId: DevChainId;
  readonly pid: number;
  readonly usdc: Address;
  readonly exited: Promise<unknown>;
  private makesBlocks = true;

  constructor(
    private readonly server: ManagedProcess,
    readonly rpcUrl: string,
    private readonly home: string,
    chainId: DevChainId,
  ) {
    this.chainId = chainId;
    this.usdc = USDC_ADDRESS[chainId];
    this.pid = server.pid;
    this.exited = server.exited;
  }

  rpc(method: string, params: readonly unknown[] = []): Promise<unknown> {
    return callRpc(this.rpcUrl, method, params);
  }

  async installContracts(): Promise<void> {
    const contracts = await devContracts();
    await this.rpc('anvil_setCode', [USDC_IMPLEMENTATION, contracts.DevUsdc.deployedBytecode]);
    await this.rpc('anvil_setCode', [this.usdc, contracts.DevUsdcProxy.deployedBytecode]);
    const admin = devAccount(DEV_ACCOUNT_INDEX.tokenAdmin).address;
    await this.rpc('anvil_setStorageAt', [this.usdc, PROXY_SLOTS.implementation, pad(USDC_IMPLEMENTATION)]);
    await this.rpc('anvil_setStorageAt', [this.usdc, PROXY_SLOTS.admin, pad(admin)]);
    await this.rpc('anvil_setCode', [MULTICALL3_ADDRESS, contracts.DevMulticall3.deployedBytecode]);
  }

  async mint(to: Address, amountAtomic: bigint): Promise<void> {
    const { DevUsdc } = await devContracts();
    await this.send({
      to: this.usdc,
      data: encodeFunctionData({ abi: DevUsdc.abi, functionName: 'mint', args: [to, amountAtomic] }),
    });
  }

  async transfer(from: Address, to: Address, amountAtomic: bigint): Promise<void> {
    const data = encodeFunctionData({ abi: erc20Abi, functionName: 'transfer', args: [to, amountAtomic] });
    await this.rpc('anvil_impersonateAccount', [from]);
    try {
      await this.rpc('anvil_setBalance', [from, ETH_FOR_A_TRANSFER]);
      await this.send({ from, to: this.usdc, data });
    } finally {
      await this.rpc('anvil_stopImpersonatingAccount', [from]);
    }
  }

  async balanceOf(account: Address): Promise<bigint> {
    const { DevUsdc } = await devContracts();
    const data = encodeFunctionData({ abi: DevUsdc.abi, functionName: 'balanceOf', args: [account] });
    return BigInt((await this.rpc('eth_call', [{ to: this.usdc, data }, 'latest'])) as Hex);
  }

  async deploySmartWallet(owner: Address): Promise<Address> {
    const { DevSmartWallet } = await devContracts();
    const { contractAddress } = await this.send({
      data: encodeDeployData({ abi: DevSmartWallet.abi, bytecode: DevSmartWallet.bytecode, args: [owner] }),
    });
    if (contractAddress === null) throw new Error('the wallet was not deployed');
    return contractAddress;
  }

  async setBlockTime(seconds: number | null): Promise<void> {
    await this.rpc('evm_setAutomine', [seconds === null]);
    await this.rpc('evm_setIntervalMining', [seconds ?? 0]);
    this.makesBlocks = true;
  }

  async setAutomine(on: boolean): Promise<void> {
    await this.rpc('evm_setIntervalMining', [0]);
    await this.rpc('evm_setAutomine', [on]);
    this.makesBlocks = on;
  }

  async mine(blocks = 1): Promise<void> {
    await this.rpc('anvil_mine', [`0x${blocks.toString(16)}`]);
  }

  async stop(): Promise<void> {
    await stopProcess(this.server, 'SIGTERM', STOP_GRACE_MS);
    rmSync(this.home, { recursive: true, force: true });
  }

  /** Sends from the minter, whose key the chain holds, unless another is named, and waits for the receipt. */
  private async send(transaction: DevTransaction): Promise<{ contractAddress: Address | null }> {
    const from = devAccount(DEV_ACCOUNT_INDEX.minter).address;
    const hash = await this.rpc('eth_sendTransaction', [{ from, gas: '0x1e8480', ...transaction }]);
    if (!this.makesBlocks) await this.mine();
    const deadline = Date.now() + RECEIPT_TIMEOUT_MS;
    while (Date.now() < deadline) {
      const receipt = (await this.rpc('eth_getTransactionReceipt', [hash])) as {
        status: Hex;
        contractAddress: Address | null;
      } | null;
      if (receipt !== null) {
        if (receipt.status !== '0x1') throw new Error(`transaction ${String(hash)} failed`);
        return receipt;
      }
      await delay(20);
    }
    throw new Error(`transaction ${String(hash)} was not included within ${RECEIPT_TIMEOUT_MS} ms`);
  }
}

/** Starts a development chain with USDC and Multicall3 at their canonical addresses. */
export async function startChain(options: ChainOptions): Promise<Chain> {
  const home = path.join(options.directory, 'chain');
  mkdirSync(home, { mode: 0o700 });
  const { server, rpcUrl } = await launch(home, options);
  const chain = new AnvilChain(server, rpcUrl, home, options.chainId ?? 84532);
  try {
    await chain.installContracts();
    if (options.blockTimeS !== undefined) await chain.setBlockTime(options.blockTimeS);
    return chain;
  } catch (error) {
    await chain.stop();
    throw error;
  }
}
