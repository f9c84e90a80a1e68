import type { Finding } from '../domain/item';
import type { ItemStore, StartedRun } from './ports/reconciliation-store';
import type { MovedSum, RollupCheckStore } from './ports/rollup-checks';

/** Differences that a run tells about; the rest is found when these are dealt with. */
const MAX_FINDINGS = 500;

const keyOf = ({ debit, credit, event }: MovedSum): string => `${debit} <- ${credit} (${event})`;
const textOf = (sum: MovedSum | undefined): string => (sum === undefined ? 'nothing' : `${sum.entries} entries, ${sum.amount}`);
const byKey = (sums: readonly MovedSum[]): ReadonlyMap<string, MovedSum> => new Map(sums.map((sum) => [keyOf(sum), sum]));

/**
 * Balances are read from rollups: they must be what the entries add up to. The entries are added up here once more, by
 * another way than the fold's and each of them once, so that a run costs what is new.
 */
export class CheckRollups {
  constructor(
    private readonly store: RollupCheckStore,
    private readonly items: ItemStore,
  ) {}

  async run(run: StartedRun, keep: () => Promise<void>): Promise<void> {
    const { foldedId, kinds } = await this.store.rollups();
    while (await this.store.addUp(run, foldedId)) await keep();
    const { entryId, sums } = await this.store.addedUp();
    const expected = byKey(sums);
    const findings =
      entryId === foldedId
        ? kinds.flatMap(({ kind, sums: folded }) => differences(kind, expected, byKey(folded)))
        : [{ ...common('fold'), expected: `up to entry ${entryId}`, actual: `up to entry ${foldedId}` }];
    await this.items.report(run, findings.slice(0, MAX_FINDINGS));
  }
}

const common = (subject: string) => ({ class: 'rollup_sums', subject, detail: {} }) as const;

function differences(
  kind: string,
  expected: ReadonlyMap<string, MovedSum>,
  folded: ReadonlyMap<string, MovedSum>,
): readonly Finding[] {
  return [...new Set([...expected.keys(), ...folded.keys()])].flatMap((key): Finding[] => {
    const [should, is] = [textOf(expected.get(key)), textOf(folded.get(key))];
    return should === is ? [] : [{ ...common(`${kind}: ${key}`), expected: should, actual: is }];
  });
}
