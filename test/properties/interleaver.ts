/**
 * Runs the real use cases of several processes on one thread and decides at every call that leaves a process which one
 * goes on, which one dies there, and whose answer is lost. What a process does between two such calls is one step.
 */
/**
 * When every promise that could go on has gone on: node looks at this queue once the queue of promises is empty. A turn of
 * the event loop would say the same, and costs calls to the operating system.
 */
const nextTurn = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

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

type Failure = (label: string) => Error;
/** Whether a call would wait for a lock that somebody else holds. */
type IsBlocked = (method: string, args: readonly unknown[]) => boolean;
type Method = (...args: unknown[]) => unknown;

/** One method of a port, as a process sees it. */
class Entrance {
  constructor(
    readonly process: SimulatedProcess,
    readonly label: string,
    readonly method: string,
    readonly target: object,
    readonly perform: Method,
    readonly failure: Failure,
    readonly isBlocked: IsBlocked | null,
  ) {}
}

class WaitingCall {
  constructor(
    readonly entrance: Entrance,
    readonly args: unknown[],
    readonly resolve: (value: unknown) => void,
    readonly reject: (error: unknown) => void,
  ) {}

  get isBlocked(): boolean {
    const { isBlocked, method } = this.entrance;
    return isBlocked?.(method, this.args) ?? false;
  }

  die(): void {
    this.reject(new ProcessDiedError(this.entrance.label));
  }

  fail(): void {
    this.reject(this.entrance.failure(this.entrance.label));
  }
}

/** More calls than this in one run mean that some code never comes to rest. */
const MAX_CALLS = 5_000;

export class Interleaver {
  private readonly waiting: WaitingCall[] = [];
  /** What goes on outside of the calls: the end of a transaction that is given up. */
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
    failure: Failure,
    isBlocked: IsBlocked | null = null,
  ): Port {
    const methods = new Map<string | symbol, Method>();
    return new Proxy(port, {
      get: (target, key) => {
        const known = methods.get(key);
        if (known !== undefined) return known;
        const member: unknown = Reflect.get(target, key);
        if (typeof member !== 'function' || typeof key !== 'string') return member;
        const entrance = new Entrance(
          process,
          `${process.name} ${name}.${key}`,
          key,
          target,
          member as Method,
          failure,
          isBlocked,
        );
        const method: Method = (...args) => this.call(entrance, args);
        methods.set(key, method);
        return method;
      },
    });
  }

  private call(entrance: Entrance, args: unknown[]): Promise<unknown> {
    if (++this.calls > MAX_CALLS) throw new Error(`more than ${MAX_CALLS} calls: ${entrance.label}`);
    if (entrance.process.dead) return Promise.reject(new ProcessDiedError(entrance.label));
    return new Promise((resolve, reject) => {
      this.waiting.push(new WaitingCall(entrance, args, resolve, reject));
    });
  }

  /** Comes to its end before the next step. */
  inBackground(work: Promise<unknown>): void {
    const settled: Promise<unknown> = work.catch(() => undefined).finally(() => this.background.delete(settled));
    this.background.add(settled);
  }

  /** Lets one waiting call happen. */
  step(index: number, fate: CallFate): Promise<void> | void {
    const free = this.waiting.filter((waiting) => !waiting.isBlocked);
    const call = free[index % free.length];
    if (call === undefined) return;
    this.waiting.splice(this.waiting.indexOf(call), 1);
    const { label, process } = call.entrance;
    this.log.push(fate === 'done' ? label : `${label} [${fate}]`);
    if (fate === 'fails') call.fail();
    else if (fate === 'dies_before') this.kill(process, call);
    else return this.perform(call, fate);
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
    const { perform, target, process } = call.entrance;
    let answer: unknown;
    try {
      answer = await perform.apply(target, call.args);
    } catch (error) {
      call.reject(error);
      return;
    }
    if (fate === 'answer_lost') call.fail();
    else if (fate === 'dies_after') this.kill(process, call);
    else call.resolve(answer);
  }

  /** The process makes no step any more; its code unwinds without effect. */
  kill(process: SimulatedProcess, current?: WaitingCall): void {
    process.dead = true;
    current?.die();
    for (let index = this.waiting.length - 1; index >= 0; index--) {
      const call = this.waiting[index];
      if (call?.entrance.process !== process) continue;
      this.waiting.splice(index, 1);
      call.die();
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
