import {
  createEventStore,
  type Categories,
  type EventStore,
  type Metadata,
  type StoreOptions,
  type UntypedCategories,
} from '../core/index.ts';
import { createMemoryStorage } from '../memory/index.ts';

/** The time of a test store: it stands still until it is moved. */
export interface TestClock {
  readonly now: Date;
  /** Moves on by milliseconds. */
  advance(milliseconds: number): void;
  set(time: Date): void;
}

/** A store in memory in which nothing is left to chance. */
export interface TestStore<C extends Categories, Meta> {
  readonly store: EventStore<C, Meta>;
  readonly clock: TestClock;
}

/** Options of {@link createTestStore}. */
export interface TestStoreOptions<C, Meta> extends Omit<StoreOptions<C, Meta>, 'newId'> {
  /**
   * When it begins.
   * @defaultValue 2026-01-01T00:00:00Z
   */
  readonly start?: Date | undefined;
}

const START = new Date('2026-01-01T00:00:00Z');
const STORE_ID = '00000000-0000-4000-8000-000000000001';

/**
 * A store in memory whose clock stands still, and whose ids count up: what a test sees is the same each time.
 *
 * @example
 * const { store, clock } = createTestStore({ categories: { Order: orderEvents } });
 * clock.advance(86_400_000);
 */
export function createTestStore<C extends Categories = UntypedCategories, Meta = Metadata>(
  options: TestStoreOptions<C, Meta> = {},
): TestStore<C, Meta> {
  let now = (options.start ?? START).getTime();
  let made = 0;
  const newId = (): string => {
    made += 1;
    return `00000000-0000-7000-8000-${String(made).padStart(12, '0')}`;
  };
  const storage = createMemoryStorage({ now: () => now, storeId: STORE_ID });
  return {
    store: createEventStore(storage, { ...options, newId }),
    clock: {
      get now() {
        return new Date(now);
      },
      advance: (milliseconds) => {
        now += milliseconds;
      },
      set: (time) => {
        now = time.getTime();
      },
    },
  };
}
