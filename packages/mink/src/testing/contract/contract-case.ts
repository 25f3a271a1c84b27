import { createEventStore, type EventStorage, type EventStore, type UntypedCategories } from '../../core/index.ts';

/** Makes a new, empty storage for one case. */
export type StorageFactory = () => Promise<EventStorage> | EventStorage;

/** One rule of the contract: run it in any test runner; it rejects when the storage breaks the rule. */
export interface ContractCase {
  /** The rule, as a sentence. */
  readonly name: string;
  readonly run: () => Promise<void>;
}

/** What a case works with. */
export interface CaseContext {
  readonly store: EventStore<UntypedCategories>;
  readonly storage: EventStorage;
}

/** A rule before it has a storage. */
export interface Rule {
  readonly name: string;
  readonly check: (context: CaseContext) => Promise<void>;
}

/** Gives each rule a storage of its own, and closes it afterwards. */
export function toCases(area: string, rules: readonly Rule[], createStorage: StorageFactory): readonly ContractCase[] {
  return rules.map(({ name, check }) => ({
    name: `${area}: ${name}`,
    run: async () => {
      const storage = await createStorage();
      const store = createEventStore(storage);
      try {
        await check({ store, storage });
      } finally {
        await store.close();
      }
    },
  }));
}

/** `count` events of type `Counted`, numbered from `first`. */
export function counted(
  count: number,
  first = 1,
): readonly { readonly type: string; readonly data: { readonly n: number } }[] {
  return Array.from({ length: count }, (_, index) => ({ type: 'Counted', data: { n: first + index } }));
}

/** A fixed UUID for a small number: readable in failures. */
export function idOf(n: number): string {
  return `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`;
}

/** Settles all and returns what the fulfilled ones gave, and what the rejected ones threw. */
export async function settle<T>(
  work: readonly Promise<T>[],
): Promise<{ readonly values: readonly T[]; readonly errors: readonly unknown[] }> {
  const results = await Promise.allSettled(work);
  return {
    values: results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : [])),
    errors: results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : [])),
  };
}
