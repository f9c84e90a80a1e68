import { green, print, red } from './printer';

/** The demo's claims. Every one is printed with what was found; one that does not hold fails the demo. */
export class Checks {
  private failed = 0;

  /** Notes whether a claim holds. */
  holds(claim: string, holds: boolean, found?: unknown): void {
    if (!holds) this.failed += 1;
    const detail =
      found === undefined
        ? ''
        : ` (${JSON.stringify(found, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value))})`;
    print(`  ${holds ? green('✓') : red('✗')} ${claim}${holds ? '' : red(detail)}`);
  }

  get failures(): number {
    return this.failed;
  }
}
