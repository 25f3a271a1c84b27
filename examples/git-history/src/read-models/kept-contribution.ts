import type { Contribution } from '../questions/contribution.ts';

/** A contribution as a read model keeps it: times as text. */
export interface KeptContribution extends Omit<Contribution, 'first' | 'last'> {
  readonly first: string;
  readonly last: string;
}

export function keep({ name, changes, added, removed, first, last }: Contribution): KeptContribution {
  return { name, changes, added, removed, first: first.toISOString(), last: last.toISOString() };
}

export function toContribution({ name, changes, added, removed, first, last }: KeptContribution): Contribution {
  return { name, changes, added, removed, first: new Date(first), last: new Date(last) };
}
