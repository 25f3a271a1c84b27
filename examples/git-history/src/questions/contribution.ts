/** What one author did, or what was done to one file. */
export interface Contribution {
  readonly name: string;
  readonly changes: number;
  readonly added: number;
  readonly removed: number;
  readonly first: Date;
  readonly last: Date;
}

/** A contribution with one more change in it. Times come in any order: branches are told one after the other. */
export function addChange(
  before: Contribution | undefined,
  change: {
    readonly name: string;
    readonly occurredAt: Date;
    readonly lines: { readonly added: number; readonly removed: number } | null;
  },
): Contribution {
  const { name, occurredAt, lines } = change;
  return {
    name,
    changes: (before?.changes ?? 0) + 1,
    added: (before?.added ?? 0) + (lines?.added ?? 0),
    removed: (before?.removed ?? 0) + (lines?.removed ?? 0),
    first: earlier(before?.first, occurredAt),
    last: later(before?.last, occurredAt),
  };
}

export function earlier(before: Date | undefined, date: Date): Date {
  return before !== undefined && before < date ? before : date;
}

export function later(before: Date | undefined, date: Date): Date {
  return before !== undefined && before > date ? before : date;
}
