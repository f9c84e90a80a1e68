import { Client } from 'pg';
import type { PaymentSignals } from '../application/ports/payment-store';
import { PAYMENT_CHANNEL, QUEUE_CHANNEL } from './payment-rows';

const RECONNECT_DELAY_MS = 500;
const QUEUE_KEY = '*queue*';

/**
 * LISTEN on one connection of its own. A lost connection is opened again; what is missed meanwhile costs waiting time
 * only, because every wait has an end and the waiter then reads the table.
 */
export class PostgresPaymentSignals implements PaymentSignals {
  private client: Client | null = null;
  private reconnectTimer: NodeJS.Timeout | null = null;
  private closed = false;
  private readonly waiters = new Map<string, Set<() => void>>();

  constructor(
    private readonly connectionString: string,
    private readonly onProblem: (error: unknown) => void,
  ) {}

  async start(): Promise<void> {
    const client = new Client({ connectionString: this.connectionString, application_name: 'tollbox-signals', keepAlive: true });
    client.on('notification', ({ channel, payload = '' }) => {
      if (channel === QUEUE_CHANNEL) this.wake(QUEUE_KEY);
      else for (const paymentId of payload.split(',')) this.wake(paymentId);
    });
    client.on('error', (error) => {
      this.onProblem(error);
      this.reconnectLater(client);
    });
    client.on('end', () => this.reconnectLater(client));
    try {
      await client.connect();
      await client.query(`LISTEN ${PAYMENT_CHANNEL}`);
      await client.query(`LISTEN ${QUEUE_CHANNEL}`);
      this.client = client;
    } catch (error) {
      this.onProblem(error);
      this.reconnectLater(client);
    }
  }

  private reconnectLater(lost: Client): void {
    if (this.client === lost) this.client = null;
    if (this.closed || this.reconnectTimer !== null) return;
    this.reconnectTimer = setTimeout(() => {
      this.reconnectTimer = null;
      void this.start();
    }, RECONNECT_DELAY_MS);
  }

  async close(): Promise<void> {
    this.closed = true;
    if (this.reconnectTimer !== null) clearTimeout(this.reconnectTimer);
    for (const key of [...this.waiters.keys()]) this.wake(key);
    await this.client?.end();
  }

  changed(paymentId: string, maxWaitMs: number): Promise<void> {
    return this.wait(paymentId, maxWaitMs);
  }

  queued(maxWaitMs: number): Promise<void> {
    return this.wait(QUEUE_KEY, maxWaitMs);
  }

  private wait(key: string, maxWaitMs: number): Promise<void> {
    if (this.closed) return Promise.resolve();
    return new Promise((resolve) => {
      const waiters = this.waiters.get(key) ?? new Set();
      this.waiters.set(key, waiters);
      const done = () => {
        clearTimeout(timer);
        waiters.delete(done);
        if (waiters.size === 0 && this.waiters.get(key) === waiters) this.waiters.delete(key);
        resolve();
      };
      const timer = setTimeout(done, maxWaitMs);
      waiters.add(done);
    });
  }

  private wake(key: string): void {
    for (const done of [...(this.waiters.get(key) ?? [])]) done();
  }
}
