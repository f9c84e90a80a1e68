/**
 * One run: two gateways, two workers, a database, a chain and buyers who send what they have more than once. A list of
 * numbers decides every step, so that a failing run can be repeated and made smaller.
 */
import type { PaidOutcome } from '@tollbox/payments/application/outcomes';
import type { PayForOperation } from '@tollbox/payments/application/pay-for-operation';
import type { EvmChain } from '@tollbox/payments/application/ports/evm-chain';
import type { SettlementWallet } from '@tollbox/payments/application/ports/settlement-wallet';
import type { Operation } from '@tollbox/platform/operations/operation';
import type { Database } from './database';
import { Interleaver, ProcessDiedError, SimulatedProcess, type CallFate } from './interleaver';
import { checkInvariants } from './invariants';
import { ModelChain } from './model-chain';
import { ModelOperation, ModelWork } from './model-operation';
import { ModelReads } from './model-reads';
import { chainFailure, ModelWallet, Signatures } from './model-wallet';
import { gateway, Worker, type ProcessParts } from './processes';
import { BALANCES, PAY_TO, PAYERS, PURCHASES, SETTLERS, START_MS, type Purchase } from './scenario';
import { HeldRows, settlementPort } from './held-transaction';

const BODIES = ['{"what":"this"}', '{"what":"that"}'];
const GATEWAYS = ['gateway-1', 'gateway-2'];
const WORKERS = ['worker-1', 'worker-2'];
const lost = (label: string): Error => new Error(`${label}: the connection broke`);

interface Incarnation {
  readonly process: SimulatedProcess;
  readonly operations: readonly Operation[];
  /** Made when it is asked for: a gateway has no worker. */
  readonly gateway: () => PayForOperation;
  readonly worker: () => Worker;
}

/** Clock of a run: what the code takes for now. */
export class ModelClock {
  nowMs = START_MS;
}

export class World {
  readonly interleaver = new Interleaver();
  readonly chain = new ModelChain(PAY_TO, BALANCES, BigInt(START_MS / 1000));
  readonly work = new ModelWork();
  readonly problems: string[] = [];
  private readonly signatures = new Signatures();
  private readonly gas = { priceWei: 100n };
  private readonly heldRows = new HeldRows();
  private readonly incarnations = new Map<string, Incarnation>();
  private births = 0;
  private requests = 0;
  private failure: Error | null = null;
  private checkedVersion: number | null = null;
  /** `payer:nonce` of every authorization that was in a block at some time. */
  readonly everPaid = new Set<string>();
  /** Those that were moved before any block was lost, and by whom. Emptied with the first lost block. */
  readonly paidForGood = new Map<string, 'by_us' | 'by_payer'>();
  /** What was answered to a payment and a body, so that every later answer can be held against it. */
  private readonly answered = new Map<string, string>();

  constructor(
    readonly clock: ModelClock,
    readonly database: Database,
    /** Signing keys that share the queue. */
    private readonly keyCount: number,
  ) {}

  /** One step that the number decides, and a look at everything that must hold. */
  async step(choice: number): Promise<void> {
    const kind = choice % 100;
    const parameter = Math.floor(choice / 100);
    if (kind < 56 && this.interleaver.waitingCount > 0) await this.letGoOn(parameter);
    else if (kind < 68) this.request(parameter);
    else if (kind < 84) this.startTask(parameter);
    else if (kind < 91) this.chain.mine();
    else await this.disturb(kind, parameter);
    await this.interleaver.rest();
    await this.check();
  }

  /** One to four calls, of which the last may fail, lose its answer, or end its process. */
  private async letGoOn(parameter: number): Promise<void> {
    const fates: readonly CallFate[] = ['fails', 'answer_lost', 'dies_before', 'dies_after'];
    const index = Math.floor(parameter / 160);
    for (let before = Math.floor(parameter / 40) % 4; before > 0; before--) {
      await this.interleaver.step(index, 'done');
      await this.interleaver.rest();
    }
    await this.interleaver.step(index, fates[parameter % 40] ?? 'done');
  }

  private async disturb(kind: number, parameter: number): Promise<void> {
    switch (kind) {
      case 91:
        return this.advance(10_000);
      case 92:
        return this.advance(20_000);
      case 93:
        return this.advance(60_000);
      case 94:
      case 95:
        return this.meddle(parameter);
      case 96:
        return this.loseBlocks(1 + (parameter % 3), parameter % 2 === 0);
      case 97:
        return this.chain.forgetPool();
      case 98:
        this.kill([...GATEWAYS, ...WORKERS][parameter % 4] ?? '');
        return;
      default:
        this.gas.priceWei = [100n, 50n, 180n, 2_000n][parameter % 4] ?? 100n;
    }
  }

  private loseBlocks(count: number, forgotten: boolean): void {
    this.chain.loseBlocks(count, forgotten);
    this.paidForGood.clear();
  }

  private async advance(ms: number): Promise<void> {
    this.clock.nowMs += ms;
    await this.database.advance(ms, this.heldRows);
    this.chain.mine(BigInt(ms / 1_000));
  }

  /** What a payer does with his own money behind our back. */
  private meddle(parameter: number): void {
    const { authorization } = purchaseOf(parameter).payload;
    const payer = PAYERS[parameter % PAYERS.length] ?? PAYERS[0];
    switch (Math.floor(parameter / 6) % 4) {
      case 0:
        return this.chain.cancelByPayer(authorization.from, authorization.nonce);
      case 1:
        return this.chain.submitByPayer(authorization);
      case 2:
        return this.chain.setBalance(payer, 0n);
      default:
        return this.chain.setBalance(payer, BALANCES.get(payer) ?? 0n);
    }
  }

  /** A buyer sends an authorization, now and then with another body. */
  private request(parameter: number): void {
    const purchase = purchaseOf(parameter);
    const body = Math.floor(parameter / 6) % 8 === 0 ? 1 : 0;
    this.buy(purchase, BODIES[body] ?? '', GATEWAYS[Math.floor(parameter / 48) % 2] ?? '');
  }

  private buy(purchase: Purchase, body: string, gatewayName: string): void {
    const { process, operations, gateway: at } = this.incarnation(gatewayName);
    const work = this.interleaver.port(process, 'work', this.work, lost);
    const request = `request-${++this.requests}`;
    const outcome = at().pay({
      operation: operations.find(({ name }) => name === purchase.operationName) ?? missing(purchase.operationName),
      body: {},
      rawBody: Buffer.from(body),
      method: 'POST',
      path: '/model',
      requestId: request,
      payload: purchase.payload,
      terms: purchase.terms,
      run: async ({ operationId }) => {
        await work.start(operationId, keyOf(purchase));
        return work.finish(operationId);
      },
    });
    outcome.then(
      (given) => this.noteOutcome(purchase, body, given),
      (error: unknown) => this.noteProblem(error, request),
    );
  }

  private noteOutcome(purchase: Purchase, body: string, outcome: PaidOutcome): void {
    if (outcome.kind !== 'paid' && outcome.kind !== 'released') return;
    const key = keyOf(purchase);
    if (outcome.kind === 'released' && outcome.payment.settlementMode !== 'optimistic')
      this.fail(`${key} was answered before the chain moved it`);
    if (outcome.kind === 'paid' && !this.everPaid.has(key)) this.fail(`${key} was answered as paid and the chain never moved it`);
    const answer = `${body} ${outcome.answer.body.toString()}`;
    const before = this.answered.get(key) ?? answer;
    if (before !== answer) this.fail(`${key} was answered ${before} and then ${answer}`);
    this.answered.set(key, answer);
  }

  private noteProblem(error: unknown, what: string): void {
    if (error instanceof ProcessDiedError) return;
    this.problems.push(`${what}: ${String(error)}`);
    if (error instanceof Error && /booked|not a legal change|is taken|calls:/.test(error.message)) this.fail(error.message);
  }

  private fail(message: string): void {
    this.failure ??= new Error(message);
  }

  private startTask(parameter: number): void {
    const name = WORKERS[parameter % 2] ?? '';
    const worker = this.incarnation(name).worker();
    worker.run(Math.floor(parameter / 2)).catch((error: unknown) => this.noteProblem(error, name));
  }

  kill(name: string): void {
    const incarnation = this.incarnations.get(name);
    if (incarnation !== undefined) this.interleaver.kill(incarnation.process);
  }

  /** The process of this name that lives; a new one after a death. */
  private incarnation(name: string): Incarnation {
    const living = this.incarnations.get(name);
    if (living !== undefined && !living.process.dead) return living;
    const process = new SimulatedProcess(`${name}.${++this.births}`);
    const parts = this.parts(process);
    const born = {
      process,
      operations: parts.operations,
      gateway: once(() => gateway(parts)),
      worker: once(() => new Worker(parts)),
    };
    this.incarnations.set(name, born);
    return born;
  }

  private parts(process: SimulatedProcess): ProcessParts {
    const { interleaver, database } = this;
    return {
      name: process.name,
      payments: interleaver.port(process, 'payments', database.payments, lost),
      settlements: settlementPort({ interleaver, process, store: database.settlements, rows: this.heldRows, failure: lost }),
      chain: interleaver.port(process, 'chain', new ModelReads(this.chain), chainFailure) as unknown as EvmChain,
      wallets: SETTLERS.slice(0, this.keyCount).map((address) => this.wallet(process, address)),
      operations: operationsOf(interleaver.port(process, 'work', this.work, lost)),
      onProblem: (error, what) => this.noteProblem(error, `${process.name} ${what}`),
    };
  }

  /** Signing does not leave the process; all else does. */
  private wallet(process: SimulatedProcess, address: (typeof SETTLERS)[number]): SettlementWallet {
    const wallet = new ModelWallet(address, this.chain, this.signatures, this.gas);
    const port = this.interleaver.port(process, 'wallet', wallet, chainFailure);
    return new Proxy(wallet, {
      get: (target, key) => {
        const from: object = typeof key === 'string' && key.startsWith('sign') ? target : port;
        const member: unknown = Reflect.get(from, key);
        return typeof member === 'function' ? (member.bind(from) as unknown) : member;
      },
    });
  }

  private noteTransfer(key: string, byPayer: boolean): void {
    this.everPaid.add(key);
    if (this.chain.highestLost > 0n || this.paidForGood.has(key)) return;
    this.paidForGood.set(key, byPayer ? 'by_payer' : 'by_us');
    this.checkedVersion = null;
  }

  private async check(): Promise<void> {
    for (const purchase of PURCHASES) {
      const { from, nonce } = purchase.payload.authorization;
      const use = this.chain.use(from, nonce);
      if (use?.kind === 'transferred') this.noteTransfer(keyOf(purchase), this.chain.submittedByPayers.has(use.transactionHash));
    }
    if (this.failure !== null) throw this.failure;
    const version = this.database.version();
    if (version === null || version !== this.checkedVersion) {
      this.checkedVersion = version;
      checkInvariants(await this.database.view(), this.work, this);
    }
    this.work.checkOnce();
  }

  /** The run's end: all comes to rest, also after the newest blocks were replaced once more. */
  async finish(lastBlocks: number): Promise<void> {
    await this.heal();
    if (lastBlocks > 0) {
      this.loseBlocks(lastBlocks, true);
      await this.heal();
    }
    await this.checkEnd();
  }

  /** Nothing is disturbed any more: every payment comes to its end. */
  private async heal(): Promise<void> {
    this.gas.priceWei = 100n;
    const rounds = 40;
    for (let round = 0; round < rounds; round++) {
      await this.rest();
      for (const name of WORKERS)
        for (let task = 0; task < this.incarnation(name).worker().tasks.length; task++) {
          this.startTask(task * 2 + WORKERS.indexOf(name));
          await this.rest();
        }
      await this.advance(20_000);
      await this.check();
      if (round > 0 && this.chain.head.number > this.chain.highestLost + 1n && (await this.isAtRest())) return;
    }
    throw new Error(
      `not at rest after ${rounds} rounds: ${JSON.stringify((await this.database.view()).payments.map(({ state }) => state))}`,
    );
  }

  /** The last calls and all problems, for the report of a failed run. */
  story(): string {
    return [...this.interleaver.log.slice(-60), ...this.problems].join('\n');
  }

  private async rest(): Promise<void> {
    await this.interleaver.runToRest();
  }

  private async isAtRest(): Promise<boolean> {
    const { payments, batches } = await this.database.view();
    const ends = ['settled', 'voided', 'failed', 'expired'];
    return payments.every(({ state }) => ends.includes(state)) && batches.every(({ isOpen }) => !isOpen);
  }

  /** After the healing: the books say what the chain says, and everybody still gets the answer he got. */
  private async checkEnd(): Promise<void> {
    const { payments } = await this.database.view();
    for (const payment of payments) {
      const [payer, nonce] = payment.key.split(':') as [`0x${string}`, `0x${string}`];
      const isPaid = this.chain.use(payer, nonce)?.kind === 'transferred';
      if (payment.state === 'settled' && !isPaid) throw new Error(`${payment.key} is settled and the chain has no transfer`);
    }
    for (const [index, purchase] of PURCHASES.entries()) {
      const before = this.answered.get(keyOf(purchase));
      if (before === undefined) continue;
      this.buy(purchase, before.slice(0, BODIES[0]?.length), GATEWAYS[index % 2] ?? '');
      await this.rest();
      await this.check();
    }
  }
}

const keyOf = ({ payload: { authorization } }: Purchase): string => `${authorization.from}:${authorization.nonce}`;

function purchaseOf(parameter: number): Purchase {
  return PURCHASES[parameter % PURCHASES.length] ?? missing('purchase');
}

function operationsOf(work: ModelWork): readonly ModelOperation[] {
  return [new ModelOperation('model.early', true, work), new ModelOperation('model.confirm', false, work)];
}

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

function missing(what: string): never {
  throw new Error(`there is no ${what}`);
}
