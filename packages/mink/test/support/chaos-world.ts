import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import {
  Aggregate,
  column,
  defineCommands,
  defineDecider,
  defineEvents,
  defineProjection,
  defineSqlProjection,
  defineSubscription,
  documents,
  payload,
  type EventStore,
} from '../../src/index.ts';

export const events = defineEvents(
  { Added: payload<{ n: number; sku: string }>(), Named: payload<{ name: string }>() },
  { unique: { name: (event) => (event.type === 'Named' ? event.data.name : undefined) } },
);
export const commands = defineCommands({ Add: payload<{ id: string; n: number }>() });
export const categories = { Cart: events, Plain: events };

export const decider = defineDecider({
  category: 'Cart',
  events,
  initialState: () => 0,
  evolve: (sum) => sum + 1,
  decide: ({ data }: { type: 'Add'; data: { n: number } }) => events.Added({ n: data.n, sku: 'a' }),
  snapshots: { schemaVersion: 1, when: ({ eventsSince }) => eventsSince >= 5 },
});

export class Basket extends Aggregate({
  category: 'Cart',
  events,
  initialState: () => 0,
  evolve: (sum: number) => sum + 1,
}) {
  add(): void {
    this.apply(events.Added({ n: 1, sku: 'a' }));
  }
}

export const countsOf = (version: number) =>
  defineProjection({
    name: 'counts',
    version,
    events: { Cart: events },
    readModel: documents<{ count: number }>(),
  }).on({ Added: (row) => ({ count: (row?.count ?? 0) + 1 }) });
export const counts = countsOf(1);

/** Applied by the appends of a database of its own. */
export const inlineCounts = defineProjection({
  name: 'inline-counts',
  events: { Cart: events },
  readModel: documents<{ count: number }>(),
}).on({ Added: (row) => ({ count: (row?.count ?? 0) + 1 }) });

export const lines = defineSqlProjection({
  name: 'lines',
  events: { Cart: events },
  types: ['Added'],
  tables: { cart_lines: { columns: { position: column.integer() }, key: ['position'] } },
  apply: async (batch, tx) => {
    for (const { globalPosition } of batch) {
      await tx.query(`insert into ${tx.tables.cart_lines} (position) values ($1)`, [globalPosition]);
    }
  },
});

export const mails = defineSubscription({
  name: 'mails',
  events: { Cart: events },
  from: 'start',
  handle: async () => undefined,
});

export const fragile = defineProjection({
  name: 'fragile',
  events: { Cart: events },
  readModel: documents<{ count: number }>(),
}).on({
  Added: (row, { data }) => {
    if (data.sku === 'bad') throw new Error('cannot take it');
    return { count: (row?.count ?? 0) + 1 };
  },
});

type Categories = typeof categories;
export type ChaosStore = EventStore<Categories>;

/** What an append was told. */
export interface Entry {
  readonly of: string;
  readonly entries: readonly {
    readonly streamName: `Cart-${string}` | `Plain-${string}`;
    readonly events: readonly ReturnType<typeof added>[];
  }[];
  readonly told: 'stored' | 'refused' | 'unknown';
}

/** What operations work with: all of it behind the proxy. */
export interface World {
  readonly proxied: string;
  readonly pool: Pool;
  /** Of the database with the inline projection. */
  readonly inlinePool: Pool;
  /** On the pool. */
  readonly store: ChaosStore;
  /** On the same pool, with an inline projection. */
  readonly inline: ChaosStore;
  /** On the first pool, with its read models in another database. */
  readonly elsewhere: ChaosStore;
  /** What appends were told, for whoever looks what is there. */
  readonly ledger: Entry[];
  /** The lines of one. */
  readonly backup: readonly string[];
  /** What was not there before. */
  readonly fresh: () => string;
}

/** One operation of the library, which may fail. */
export interface Operation {
  readonly name: string;
  /** Milliseconds within which it has ended, at an outage. */
  readonly bound?: number;
  /** It waits for ever for a database that is away. */
  readonly outlives?: boolean;
  /** It takes seconds, and is left out of the short form. */
  readonly isSlow?: boolean;
  readonly run: (world: World) => Promise<unknown>;
}

export const added = (sku = 'a', id = randomUUID()) => ({ ...events.Added({ n: 1, sku }), id });
