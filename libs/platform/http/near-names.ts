/** Names that a caller may have meant, best first: those that contain what he wrote or differ from it in few letters. */
export function nearNames(written: string, known: readonly string[], most = 3): string[] {
  const text = written.toLowerCase();
  const allowed = Math.max(1, Math.floor(text.length / 3));
  return known
    .map((name) => ({ name, changes: text.length >= 3 && name.includes(text) ? 0 : changesBetween(text, name.toLowerCase()) }))
    .filter(({ changes }) => changes <= allowed)
    .sort((a, b) => a.changes - b.changes || a.name.localeCompare(b.name))
    .slice(0, most)
    .map(({ name }) => name);
}

/** `did you mean …?`, or nothing where no name is near. */
export function didYouMean(written: string, known: readonly string[]): string {
  const near = nearNames(written, known).map((name) => `\`${name}\``);
  return near.length === 0 ? '' : `; did you mean ${near.join(' or ')}?`;
}

/** Letters to put in, take out or change (Levenshtein). */
function changesBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? a.length;
}
