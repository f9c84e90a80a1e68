/**
 * Runs the real use cases of several processes on one thread and decides at every call that leaves a process which one
 * goes on, which one dies there, and whose answer is lost. What a process does between two such calls is one step.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';

/** What the code of a dead process gets from every call: none of them has an effect any more. */
export class ProcessDiedError extends Error {
  override readonly name = 'ProcessDiedError';
}

/**
 * What happens to a call that leaves a process.
 * - done          it has its effect and answers
 * - fails         no effect, and an error
 * - answer_lost   its effect, and an error
 * - dies_before   no effect, and the process is dead
 * - dies_after    its effect, and the process is dead
 */
export type CallFate = 'done' | 'fails' | 'answer_lost' | 'dies_before' | 'dies_after';

export class SimulatedProcess {
  dead = false;
  constructor(readonly name: string) {}
}

interface WaitingCall {
  readonly process: SimulatedProcess;
  readonly label: string;
  /** Whether the call would wait for a lock that somebody else holds. */
  readonly isBlocked: () => boolean;
  readonly perform: () => unknown;
  readonly failure: () => Error;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** More calls than this in one run mean that some code never comes to rest. */
const MAX_CALLS = 5_000;

export class Interleaver {
  private readonly waiting: WaitingCall[] = [];
  /** What goes on outside of the calls: the end of a dead process's transaction. */
  private readonly background = new Set<Promise<unknown>>();
  private calls = 0;
  /** What happened, for the report of a failed run. */
  readonly log: string[] = [];

  get waitingCount(): number {
    return this.waiting.length;
  }

  /** The port as a process sees it: every call waits for its turn. */
  port<Port extends object>(
    process: SimulatedProcess,
    name: string,
    port: Port,
    failure: (label: string) => Error,
    isBlocked: (method: string, args: readonly unknown[]) => boolean = () => false,
  ): Port {
    return new Proxy(port, {
      get: (target, key, receiver) => {
        const member: unknown = Reflect.get(target, key, receiver);
        if (typeof member !== 'function' || typeof key !== 'string') return member;
        return (...args: unknown[]) => {
          const label = `${process.name} ${name}.${key}`;
          return this.call({
            process,
            label,
            perform: () => member.apply(target, args) as unknown,
            failure: () => failure(label),
            isBlocked: () => isBlocked(key, args),
          });
        };
      },
    });
  }

  private call(call: Omit<WaitingCall, 'resolve' | 'reject'>): Promise<unknown> {
    if (++this.calls > MAX_CALLS) throw new Error(`more than ${MAX_CALLS} calls: ${call.label}`);
    if (call.process.dead) return Promise.reject(new ProcessDiedError(call.label));
    return new Promise((resolve, reject) => {
      this.waiting.push({ ...call, resolve, reject });
    });
  }

  /** Comes to its end before the next step. */
  inBackground(work: Promise<unknown>): void {
    const settled: Promise<unknown> = work.catch(() => undefined).finally(() => this.background.delete(settled));
    this.background.add(settled);
  }

  /** Lets one waiting call happen. */
  async step(index: number, fate: CallFate): Promise<void> {
    const free = this.waiting.filter((waiting) => !waiting.isBlocked());
    const call = free[index % free.length];
    if (call === undefined) return;
    this.waiting.splice(this.waiting.indexOf(call), 1);
    this.log.push(fate === 'done' ? call.label : `${call.label} [${fate}]`);
    const { process } = call;
    if (fate === 'fails') call.reject(call.failure());
    else if (fate === 'dies_before') this.kill(process, call);
    else await this.perform(call, fate);
  }

  /** Runs every process on until it waits again. */
  async rest(): Promise<void> {
    await nextTurn();
    while (this.background.size > 0) {
      await Promise.all(this.background);
      await nextTurn();
    }
  }

  private async perform(call: WaitingCall, fate: CallFate): Promise<void> {
    let answer: unknown;
    try {
      answer = await call.perform();
    } catch (error) {
      call.reject(error);
      return;
    }
    if (fate === 'answer_lost') call.reject(call.failure());
    else if (fate === 'dies_after') this.kill(call.process, call);
    else call.resolve(answer);
  }

  /** The process makes no step any more; its code unwinds without effect. */
  kill(process: SimulatedProcess, current?: WaitingCall): void {
    process.dead = true;
    current?.reject(new ProcessDiedError(current.label));
    for (let index = this.waiting.length - 1; index >= 0; index--) {
      const call = this.waiting[index];
      if (call?.process !== process) continue;
      this.waiting.splice(index, 1);
      call.reject(new ProcessDiedError(call.label));
    }
    this.log.push(`${process.name} dies`);
  }

  /** Lets everything that waits happen, in the order in which it came, until nothing does. */
  async runToRest(): Promise<void> {
    await this.rest();
    while (this.waiting.length > 0) {
      await this.step(0, 'done');
      await this.rest();
    }
  }
}
