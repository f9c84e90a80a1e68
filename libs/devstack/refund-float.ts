import type { Address } from 'viem';
import type { Chain } from './chain';
import { withClient } from './database';
import { delay } from './processes';

/** What the refund wallet of a chain of our own gets, in atomic USDC. */
export const REFUND_FLOAT_ATOMIC = 100_000_000n;

const BOOKS_WAIT_MS = 15_000;
const POLL_MS = 100;

export interface RefundFloat {
  readonly chain: Chain;
  readonly payTo: Address;
  readonly refundWallet: Address;
  readonly databaseUrl: string;
}

/**
 * Moves the float from payTo to the refund wallet, as an owner does. The books begin at the first block that reconciliation
 * looks at, so the move waits for that: then it is booked like any other.
 */
export async function fillRefundFloat({ chain, payTo, refundWallet, databaseUrl }: RefundFloat): Promise<void> {
  await withClient(databaseUrl, async (client) => {
    for (const end = Date.now() + BOOKS_WAIT_MS; Date.now() < end; await delay(POLL_MS))
      if ((await client.query('SELECT 1 FROM reconciliation_watermark')).rowCount === 1) return;
  });
  if ((await chain.balanceOf(refundWallet)) < REFUND_FLOAT_ATOMIC) await chain.transfer(payTo, refundWallet, REFUND_FLOAT_ATOMIC);
}
