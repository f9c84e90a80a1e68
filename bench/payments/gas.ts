import { setTimeout as pause } from 'node:timers/promises';
import { runClosedLoop } from './load';
import { paidRequests, median, type Ledgered } from './measure';
import type { Server, World } from './world';

interface Receipt {
  readonly gasUsed: string;
  readonly status: string;
  readonly logs: readonly { readonly address: string; readonly topics: readonly string[] }[];
}

const QUEUED_WITHIN_MS = 20_000;
/** keccak256("AuthorizationUsed(address,bytes32)") */
const AUTHORIZATION_USED = '0x98de503528ee59b575ef0c0a2576a82497bfc029a5685b209e9ec333479b10a5';

export interface GasOfTransaction {
  readonly transactionHash: string;
  readonly payments: number;
  readonly gasUsed: number;
}

export interface GasMeasurement {
  /** The largest batch that was sent, which has the asked size when the settler batches. */
  readonly batch: GasOfTransaction;
  readonly singles: readonly GasOfTransaction[];
  readonly perPaymentInBatch: number;
  readonly single: number;
}

async function transactionsSince(world: World, known: ReadonlySet<string>): Promise<GasOfTransaction[]> {
  const { rows } = await world.database.query<{ hash: string }>('SELECT transaction_hash AS hash FROM settlement_transactions');
  const transactions: GasOfTransaction[] = [];
  for (const { hash } of rows) {
    if (known.has(hash)) continue;
    const receipt = (await world.chain.rpc('eth_getTransactionReceipt', [hash])) as Receipt | null;
    if (receipt?.status !== '0x1') continue; // displaced by another transaction of the same nonce
    const usdc = world.chain.usdc.toLowerCase();
    const used = receipt.logs.filter(({ address, topics }) => address.toLowerCase() === usdc && topics[0] === AUTHORIZATION_USED);
    transactions.push({ transactionHash: hash, payments: used.length, gasUsed: Number(receipt.gasUsed) });
  }
  return transactions;
}

async function knownHashes(world: World): Promise<Set<string>> {
  const { rows } = await world.database.query<{ hash: string }>('SELECT transaction_hash AS hash FROM settlement_transactions');
  return new Set(rows.map(({ hash }) => hash));
}

/** Waits until `count` payments are in the queue; no worker runs, so none leaves it. */
async function queued(world: World, count: number): Promise<void> {
  const endsAt = performance.now() + QUEUED_WITHIN_MS;
  for (;;) {
    const { rows } = await world.database.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM payments WHERE state = 'queued'`,
    );
    if (rows[0]?.count === count) return;
    if (performance.now() > endsAt) throw new Error(`${rows[0]?.count ?? 0} of ${count} payments are queued`);
    await pause(20);
  }
}

/** Queues `count` payments of as many wallets while no worker runs, then lets it settle them together. */
async function settleTogether(world: World, money: Ledgered, server: Server, count: number): Promise<GasOfTransaction[]> {
  const known = await knownHashes(world);
  await world.stopWorker();
  const options = { url: server.url, expectedStatus: 200, maxMs: 60_000, signal: world.signal, callers: count };
  await money.paid(`gas of ${count}`, server, async () => {
    const [result] = await Promise.all([
      runClosedLoop(paidRequests(world, server, count), options), // a confirmed call is answered after the worker came
      queued(world, count).then(() => world.startWorker()),
    ]);
    return result;
  });
  return transactionsSince(world, known);
}

/** Gas of a payment in a full batch against one that is settled alone, by the receipts of what our settler sent. */
export async function measureGas(world: World, money: Ledgered, server: Server): Promise<GasMeasurement> {
  const batches = await settleTogether(world, money, server, world.plan.batchSize);
  const batch = batches.reduce((largest, one) => (one.payments > largest.payments ? one : largest));
  const singles: GasOfTransaction[] = [];
  for (let index = 0; index < world.plan.singles; index++) singles.push(...(await settleTogether(world, money, server, 1)));
  return {
    batch,
    singles,
    perPaymentInBatch: batch.gasUsed / batch.payments,
    single: median(singles.map(({ gasUsed }) => gasUsed)),
  };
}
