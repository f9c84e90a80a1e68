import { setTimeout as sleep } from 'node:timers/promises';
import { ServerError, type Status } from 'nice-grpc';

type Fault =
  | { readonly kind: 'refuse'; readonly code: Status; readonly details: string }
  | { readonly kind: 'lose'; readonly code: Status; readonly details: string }
  | { readonly kind: 'cut'; readonly code: Status; readonly afterMessages: number }
  | { readonly kind: 'delay'; readonly delayMs: number };

/** What is to go wrong next, per method. Each fault is used up by one call; a call meets at most one of each kind. */
export class Faults {
  private readonly stopped = new AbortController();
  private readonly planned = new Map<string, { fault: Fault; left: number }[]>();

  plan(method: string, fault: Fault, times: number): void {
    const list = this.planned.get(method) ?? [];
    list.push({ fault, left: times });
    this.planned.set(method, list);
  }

  /** Runs one call of a method under its planned faults. */
  async apply<T>(method: string, work: () => Promise<T>): Promise<T> {
    const delay = this.take(method, 'delay');
    if (delay?.kind === 'delay') await sleep(delay.delayMs, undefined, { signal: this.stopped.signal });
    const refusal = this.take(method, 'refuse');
    if (refusal?.kind === 'refuse') throw new ServerError(refusal.code, refusal.details);
    const loss = this.take(method, 'lose');
    const answer = await work();
    if (loss?.kind === 'lose') throw new ServerError(loss.code, loss.details);
    return answer;
  }

  /** A stream of answers, cut off where a test has planned it. */
  async *stream<T>(method: string, answers: AsyncIterable<T>): AsyncGenerator<T> {
    const cut = this.take(method, 'cut');
    let left = cut?.kind === 'cut' ? cut.afterMessages : Infinity;
    for await (const answer of answers) {
      if (cut?.kind === 'cut' && left === 0) throw new ServerError(cut.code, 'the stream was cut');
      left -= 1;
      yield answer;
    }
  }

  clear(): void {
    this.planned.clear();
  }

  /** Ends the delays that run; their calls fail. */
  stop(): void {
    this.stopped.abort();
  }

  private take(method: string, kind: Fault['kind']): Fault | undefined {
    const entry = this.planned.get(method)?.find((candidate) => candidate.fault.kind === kind && candidate.left > 0);
    if (entry === undefined) return undefined;
    entry.left -= 1;
    return entry.fault;
  }
}
