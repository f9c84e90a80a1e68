import { randomUUID } from 'node:crypto';
import { Pool, type PoolClient } from 'pg';
import { privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts';
import { encodeFunctionData, parseAbi } from 'viem';
import type { Chain } from '@tollbox/devstack/chain';
import type { Posting } from '@tollbox/ledger/domain/posting';
import * as postings from '@tollbox/ledger/domain/postings/payment';
import type { PaymentMoney } from '@tollbox/ledger/domain/postings/payment';
import { Journal } from '@tollbox/ledger/infrastructure/journal';
import type { Authorization } from '@tollbox/payments/domain/authorization';
import type { Hex } from '@tollbox/payments/domain/networks';
import { transferCallData } from '@tollbox/payments/infrastructure/transfer-call';
import { devPrivateKey } from '@tollbox/platform/config/dev-keys';
import { NETWORKS } from '@tollbox/platform/config/networks';
import { inTransaction } from '@tollbox/platform/database/transaction';
import { signAuthorization } from '../payments/sign';

export const NETWORK = NETWORKS['base-sepolia'];
export const PAY_TO_KEY = devPrivateKey(8);
export const PAY_TO = privateKeyToAccount(PAY_TO_KEY).address.toLowerCase() as Hex;
const SENDER = privateKeyToAccount(devPrivateKey(7)).address;
const transferAbi = parseAbi(['function transfer(address to, uint256 value) returns (bool)']);

export interface Inclusion {
  readonly transactionHash: Hex;
  readonly blockNumber: string;
  readonly blockHash: Hex;
}

export interface SeededPayment extends PaymentMoney {
  readonly authorization: Authorization;
  readonly signature: Hex;
}

/** Payments as rows, events of the books and transfers on a real chain, step by step and without a settler. */
export class SeededPayments {
  readonly journal = new Journal(NETWORK.caip2);
  readonly payer: PrivateKeyAccount = privateKeyToAccount(devPrivateKey(1));

  constructor(
    readonly pool: Pool,
    readonly chain: Chain,
  ) {}

  async claim(
    changes: Partial<Pick<PaymentMoney, 'settlementMode' | 'operation'>> = {},
    amount = 1_000n,
  ): Promise<SeededPayment> {
    const signed = await signAuthorization({ network: NETWORK, payer: this.payer, payTo: PAY_TO, amountAtomic: amount });
    const payment: SeededPayment = {
      id: randomUUID(),
      operation: 'sandbox.exec',
      operationId: randomUUID(),
      wallet: signed.authorization.from,
      amountAtomic: amount,
      priceAtomic: 1_000n,
      round: 1,
      settlementMode: 'confirm',
      ...changes,
      ...signed,
    };
    const { authorization } = signed;
    const block = BigInt((await this.chain.rpc('eth_blockNumber')) as Hex).toString();
    await this.pool.query(
      `INSERT INTO payments (id, network, asset, payer, nonce, state, operation, operation_id, x402_version, pay_to, amount_atomic, price_atomic,
         valid_after, valid_before, signature, payer_kind, fingerprint, method, path, body_sha256, settlement_mode, lease_holder, lease_expires_at, claimed_at_block)
       VALUES ($1, $2, $3, $4, $5, 'claimed', $6, $7, 2, $8, $9, $10, $11, $12, $13, 'eoa', $5, 'POST', '/x', '', $14, 'test', now(), $15)`,
      [
        ...[
          payment.id,
          NETWORK.caip2,
          NETWORK.usdc,
          authorization.from,
          authorization.nonce,
          payment.operation,
          payment.operationId,
        ],
        ...[PAY_TO, amount.toString(), payment.priceAtomic.toString(), authorization.validAfter.toString()],
        ...[authorization.validBefore.toString(), signed.signature, payment.settlementMode, block],
      ],
    );
    return payment;
  }

  async void(payment: SeededPayment): Promise<void> {
    await this.pool.query(`UPDATE payments SET state = 'voided', void_code = 'operation_timeout' WHERE id = $1`, [payment.id]);
  }

  async queue(payment: SeededPayment): Promise<void> {
    await this.step(payment, `state = 'queued', answer_status = 200, answer_expires_at = now()`, postings.executed(payment));
  }

  async broadcast(payment: SeededPayment): Promise<void> {
    await this.step(payment, `state = 'broadcast'`, postings.broadcast(payment));
  }

  async settle(payment: SeededPayment, { transactionHash, blockNumber, blockHash }: Inclusion): Promise<void> {
    const set = `state = 'settled', settled_at = now(), transaction_hash = '${transactionHash}', block_number = ${blockNumber}, block_hash = '${blockHash}'`;
    await this.step(payment, set, postings.settled(payment, 'in_flight'));
  }

  async fail(payment: SeededPayment): Promise<void> {
    await this.step(payment, `state = 'failed'`, postings.failed(payment, 'in_flight'));
  }

  async expire(payment: SeededPayment): Promise<void> {
    await this.step(payment, `state = 'expired'`, postings.expired(payment, 'in_flight'));
  }

  /** Back to the queue after a lost block; the payment as it is then. */
  async requeue(payment: SeededPayment): Promise<SeededPayment> {
    const set = `state = 'queued', round = round + 1, settled_at = NULL, transaction_hash = NULL, block_number = NULL, block_hash = NULL`;
    await this.step(payment, set, postings.requeued(payment, 'treasury'));
    return { ...payment, round: payment.round + 1 };
  }

  /** Claimed, done, sent and settled. */
  async settled(amount = 1_000n): Promise<SeededPayment> {
    const payment = await this.claim({}, amount);
    await this.queue(payment);
    await this.broadcast(payment);
    await this.settle(payment, await this.submit(payment));
    return payment;
  }

  /** Puts the authorization on the chain, as the settler or anybody else does. */
  submit(payment: SeededPayment): Promise<Inclusion> {
    return this.send(SENDER, transferCallData(payment.authorization, payment.signature));
  }

  /** A plain transfer of USDC from one of the chain's accounts. */
  transfer(from: Hex, to: Hex, amount: bigint): Promise<Inclusion> {
    return this.send(from, encodeFunctionData({ abi: transferAbi, functionName: 'transfer', args: [to, amount] }));
  }

  private async send(from: Hex, data: Hex): Promise<Inclusion> {
    const transactionHash = (await this.chain.rpc('eth_sendTransaction', [
      { from, to: NETWORK.usdc, data, gas: '0x40000' },
    ])) as Hex;
    for (let tries = 0; tries < 500; tries++) {
      const receipt = (await this.chain.rpc('eth_getTransactionReceipt', [transactionHash])) as {
        status: Hex;
        blockNumber: Hex;
        blockHash: Hex;
      } | null;
      if (receipt?.status === '0x0') throw new Error('the transfer reverted');
      if (receipt !== null)
        return { transactionHash, blockNumber: BigInt(receipt.blockNumber).toString(), blockHash: receipt.blockHash };
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`transaction ${transactionHash} was not included`);
  }

  private async step(payment: SeededPayment, set: string, rows: readonly Posting[]): Promise<void> {
    await inTransaction(this.pool, async (client: PoolClient) => {
      await client.query(`UPDATE payments SET ${set} WHERE id = $1`, [payment.id]);
      await this.journal.append(client, rows);
    });
  }
}
