// Handlers are checked against the read model, which is known before them.
import {
  column,
  createProjectionEngine,
  defineEvents,
  defineProjection,
  defineSqlProjection,
  defineSubscription,
  documents,
  payload,
  table,
} from '../../src/index.ts';
import { createMemoryStore } from '../../src/memory/index.ts';
import { expectType } from './expect-type.ts';

const orderEvents = defineEvents({
  Created: payload<{ customer: string }>(),
  Cancelled: payload<null>(),
  Removed: payload<null>(),
});
interface Order {
  readonly id: string;
  readonly status: 'open' | 'cancelled';
  readonly cents: number;
  readonly note: string | null;
}
const orders = defineProjection({
  name: 'orders',
  events: { Order: orderEvents },
  readModel: table({
    key: 'id',
    columns: {
      id: column.text(),
      status: column.text<'open' | 'cancelled'>(),
      cents: column.integer(),
      note: column.nullable(column.text()),
    },
  }),
});

// Literals stay literals, and the event is the one of its type.
orders.on({
  Created: (order, { type, data }, id) => {
    expectType<typeof order>()<Order | null>();
    expectType<typeof type>()<'Created'>();
    expectType<typeof data>()<{ customer: string }>();
    if (id === '') return null;
    return { id, status: 'open', cents: 0, note: data.customer };
  },
  Cancelled: (order) => order && { ...order, status: 'cancelled' },
  Removed: () => null,
});
const elsewhere = (_: unknown, event: { readonly streamName: string }): Order => {
  return { id: event.streamName, status: 'open', cents: 0, note: null };
};
const whole = orders.on({ Created: elsewhere });
expectType<typeof whole.name>()<'orders'>();

// @ts-expect-error no such status
orders.on({ Created: (_, _event, id) => ({ id, status: 'lost', cents: 0, note: null }) });
// @ts-expect-error no such status, of a row that was there
orders.on({ Cancelled: (order) => order && { ...order, status: 'lost' } });
// @ts-expect-error a number is no text
orders.on({ Created: (_, _event, id) => ({ id, status: 'open', cents: '0', note: null }) });
// @ts-expect-error a column is missing
orders.on({ Created: (_, _event, id) => ({ id, status: 'open', cents: 0 }) });
// @ts-expect-error a column that the table does not have
orders.on({ Created: (_, _event, id) => ({ id, status: 'open', cents: 0, note: null, total: 0 }) });
// @ts-expect-error a column that the table does not have, in one branch
orders.on({ Cancelled: (order) => order && { ...order, stauts: 'cancelled' } });
// @ts-expect-error no such event
orders.on({ Changed: () => null });
// @ts-expect-error no such event, beside one there is
orders.on({ Removed: () => null, Canceled: () => null });
// @ts-expect-error handlers do not wait
orders.on({ Removed: async () => null });
// @ts-expect-error nothing is not null
orders.on({ Removed: () => undefined });
// @ts-expect-error what the event does not have
orders.on({ Created: (order, { data }) => (data.name === '' ? null : order) });
// @ts-expect-error handlers come in the second step
defineProjection({ name: 'old', events: { Order: orderEvents }, readModel: documents<null>(), on: {} });
createProjectionEngine(createMemoryStore({ categories: { Order: orderEvents } }), [whole]);
// @ts-expect-error without handlers it is no projection
createProjectionEngine(createMemoryStore({ categories: { Order: orderEvents } }), [orders]);

// Documents of any shape: a union, a list, a number, a map, anything.
const definition = { name: 'shapes', events: { Order: orderEvents } } as const;
const union = defineProjection({
  ...definition,
  readModel: documents<{ kind: 'new' } | { kind: 'named'; name: string; mood?: 'good' | 'bad' }>(),
});
union.on({
  Created: (_, { data }) => ({ kind: 'named', name: data.customer, mood: 'good' }),
  Cancelled: (it) => (it?.kind === 'named' ? { ...it, mood: 'bad' } : { kind: 'new' }),
});
// @ts-expect-error no such mood
union.on({ Created: (_, { data }) => ({ kind: 'named', name: data.customer, mood: 'odd' }) });
// @ts-expect-error a property that no document has
union.on({ Created: () => ({ kind: 'new', nmae: '' }) });
defineProjection({ ...definition, readModel: documents<readonly string[]>() }).on({
  Created: (names, { data }) => [...(names ?? []), data.customer],
});
defineProjection({ ...definition, readModel: documents<number>() }).on({ Created: (count) => (count ?? 0) + 1 });
defineProjection({ ...definition, readModel: documents<Record<string, number>>() }).on({
  Created: (counts, { data }) => ({ ...counts, [data.customer]: 1 }),
  Removed: () => ({ removed: 1 }),
});
defineProjection({ ...definition, readModel: documents() }).on({ Created: (_, { data }) => ({ any: data.customer }) });

// The other kinds have their handler in one step: it returns nothing that could be widened.
defineSqlProjection({
  ...definition,
  types: ['Created'],
  tables: { rows: { columns: { id: column.text() }, key: 'id' } },
  apply: async (events, tx) => {
    for (const { data } of events) await tx.query(tx.tables.rows, [data.customer]);
  },
});
defineSubscription({
  ...definition,
  types: ['Created'],
  from: 'end',
  handle: async ({ data }) => expectType<typeof data>()<{ customer: string }>(),
});
