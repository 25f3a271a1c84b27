/** Counts by name, of all together. */
export function addUp(counts: readonly Readonly<Record<string, number>>[]): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const [what, count] of counts.flatMap((each) => Object.entries(each))) sums[what] = (sums[what] ?? 0) + count;
  return sums;
}

/** All of them. */
export function total(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
