import type { QueuedPayment, SettlementStore, StoreBatch, Verdict } from '@tollbox/payments/application/ports/settlement-store';
import { ProcessDiedError, type Interleaver, type SimulatedProcess } from './interleaver';

interface Begun {
  readonly payments: readonly QueuedPayment[];
  readonly storeBatch: StoreBatch;
}

/** Rows that open transactions hold, so that no call is made that would wait for them. */
export class HeldRows {
  readonly payments = new Set<string>();
  readonly leases = new Set<string>();

  /** Whether a call to the settlement store would wait. */
  block(method: string, args: readonly unknown[]): boolean {
    switch (method) {
      case 'decide':
        return (args[0] as readonly Verdict[]).some(({ payment }) => this.payments.has(payment.id));
      case 'acquireLease':
        return this.leases.has(args[0] as string);
      case 'releaseLease':
      case 'storeBatch':
      case 'storeFiller':
      case 'storeReplacement':
        return this.leases.has((args[0] as { name: string }).name);
      default:
        return false;
    }
  }
}

interface Holding {
  readonly interleaver: Interleaver;
  readonly process: SimulatedProcess;
  readonly store: SettlementStore;
  readonly rows: HeldRows;
  readonly failure: (label: string) => Error;
}

/**
 * `takeQueued` holds a transaction open while other calls are made. Its begin, its statement and its commit are calls of
 * their own to the interleaver; a process that dies in between leaves it rolled back.
 */
export function settlementPort(holding: Holding): SettlementStore {
  const { interleaver, process, store, rows, failure } = holding;
  const port = interleaver.port(process, 'settlements', store, failure, (method, args) => rows.block(method, args));
  const takeQueued: SettlementStore['takeQueued'] = (selection, work) => new HeldTransaction(holding).run(selection, work);
  return new Proxy(port, { get: (target, key) => (key === 'takeQueued' ? takeQueued : (Reflect.get(target, key) as unknown)) });
}

class HeldTransaction {
  private payments: readonly string[] = [];
  private lease: string | null = null;

  constructor(private readonly holding: Holding) {}

  async run<T>(
    selection: Parameters<SettlementStore['takeQueued']>[0],
    work: (payments: readonly QueuedPayment[], storeBatch: StoreBatch) => Promise<T>,
  ): Promise<T> {
    const { store, rows } = this.holding;
    let finish: (result: T) => void = () => undefined;
    let abort: (error: unknown) => void = () => undefined;
    const finished = new Promise<T>((resolve, reject) => {
      finish = resolve;
      abort = reject;
    });
    finished.catch(() => undefined);
    let transaction: Promise<T> | null = null;
    const begin = (): Promise<Begun> =>
      new Promise((resolve, reject) => {
        transaction = store.takeQueued(selection, (payments, storeBatch) => {
          this.payments = payments.map(({ id }) => id);
          for (const id of this.payments) rows.payments.add(id);
          resolve({ payments, storeBatch });
          return finished;
        });
        transaction.catch(reject).finally(() => this.letGo());
      });
    const commit = (result: T): Promise<T> => {
      finish(result);
      return transaction ?? Promise.resolve(result);
    };
    const held = this.port({ begin, commit });
    try {
      const { payments, storeBatch } = await held.begin();
      const result = await work(payments, this.statement(storeBatch));
      return await held.commit(result);
    } catch (error) {
      abort(error);
      await this.end(transaction, error);
      throw error;
    }
  }

  /** The statement proves the lease, and holds its row from then on. */
  private statement(storeBatch: StoreBatch): StoreBatch {
    const holding: StoreBatch = (lease, ...rest) => {
      this.lease = lease.name;
      this.holding.rows.leases.add(lease.name);
      return storeBatch(lease, ...rest);
    };
    return this.port({ storeBatch: holding }).storeBatch;
  }

  private port<Port extends object>(port: Port): Port {
    const { interleaver, process, rows, failure } = this.holding;
    return interleaver.port(process, 'settlements.takeQueued', port, failure, (method, args) => rows.block(method, args));
  }

  private async end(transaction: Promise<unknown> | null, error: unknown): Promise<void> {
    if (transaction === null) return;
    const ended = transaction.catch(() => undefined);
    this.holding.interleaver.inBackground(ended);
    if (!(error instanceof ProcessDiedError)) await ended;
  }

  private letGo(): void {
    for (const id of this.payments) this.holding.rows.payments.delete(id);
    if (this.lease !== null) this.holding.rows.leases.delete(this.lease);
  }
}
