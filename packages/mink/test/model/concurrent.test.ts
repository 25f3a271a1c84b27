import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import {
  array,
  assert as check,
  asyncProperty,
  constantFrom,
  integer,
  nat,
  oneof,
  option,
  record,
  scheduler,
  uniqueArray,
  type Arbitrary,
  type IAsyncProperty,
  type Scheduler,
} from 'fast-check';
import { Pool } from 'pg';
import { describe, test } from 'vitest';
import { createPostgresStore, type PoolLike } from '../../src/postgres/index.ts';
import { describePostgres } from '../support/databases.ts';
import { isLinearizable, type Answer, type Observed, type Operation } from './linearizability.ts';
import type { EntryInput } from './log-model.ts';
import { modelSettings, reportRun } from './settings.ts';
import { outcome, pickFacts, type AnyStore } from './subject.ts';

const { seed, long } = modelSettings();

const idOf = (n: number): string => `0190f0f0-0000-7000-8000-${String(n).padStart(12, '0')}`;

const expectedVersions = constantFrom<(EntryInput['expectedVersion'] & {})[]>(
  'any',
  'any',
  'no_stream',
  'stream_exists',
  1,
  2,
);

/** Events are told by small numbers: two appends with the same ones are the same append, sent twice. */
const entry: Arbitrary<EntryInput> = record({
  streamName: constantFrom('A-1', 'A-1', 'B-1'),
  expectedVersion: expectedVersions,
  events: option(
    record({ first: nat(9), count: integer({ min: 1, max: 2 }) }).map(({ first, count }) =>
      Array.from({ length: count }, (_, index) => ({ type: 'Noted', data: null, id: idOf(first + index) })),
    ),
    { nil: undefined, freq: 4 },
  ),
});

const operations: Arbitrary<Operation> = oneof(
  {
    weight: 4,
    arbitrary: uniqueArray(entry, { minLength: 1, maxLength: 2, selector: ({ streamName }) => streamName })
      .filter((entries) => {
        const ids = entries.flatMap(({ events = [] }) => events.map(({ id }) => id));
        return ids.length > 0 && new Set(ids).size === ids.length;
      })
      .map((entries): Operation => ({ kind: 'append', entries })),
  },
  {
    weight: 1,
    arbitrary: constantFrom('A-1', 'B-1').map((streamName): Operation => ({ kind: 'read', streamName })),
  },
);

/** What each client does, one after another. */
const scripts = array(array(operations, { minLength: 1, maxLength: 3 }), { minLength: 2, maxLength: 4 });

async function perform(store: AnyStore, operation: Operation): Promise<{ answer: Answer; positions: number[] }> {
  if (operation.kind === 'read') {
    const ids = (await store.readStream(operation.streamName).toArray()).map(({ id }) => id);
    return { answer: { kind: 'read', ids }, positions: [] };
  }
  const { value, error } = await outcome(() =>
    store.appendMany(
      operation.entries.map(({ streamName, events, expectedVersion = 'any' }) =>
        events === undefined ? { streamName, expectedVersion } : { streamName, events, expectedVersion },
      ),
    ),
  );
  if (value === undefined) return { answer: { kind: 'refused', facts: factsOf(error) }, positions: [] };
  const events = value.streams.flatMap((stream) => stream.events);
  return {
    answer: {
      kind: 'appended',
      repeated: value.repeated,
      streams: value.streams.map((stream) => ({
        version: stream.streamVersion,
        ids: stream.events.map(({ id }) => id),
      })),
    },
    positions: value.repeated ? [] : events.map(({ globalPosition }) => globalPosition),
  };
}

function factsOf(error: unknown): Readonly<Record<string, unknown>> {
  const names = {
    CONCURRENCY_CONFLICT: { code: '', streamName: '', expectedVersion: '', actualVersion: '' },
    IDEMPOTENCY_MISMATCH: { code: '', streamName: '', eventIds: '' },
  };
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const wanted = code in names ? names[code as keyof typeof names] : undefined;
  if (wanted === undefined) throw error;
  return pickFacts(error, wanted) as Readonly<Record<string, unknown>>;
}

let histories = 0;

/** The same on streams, and in categories, that no other history has used. */
function onOwnStreams(operation: Operation, history: number): Operation {
  const own = (streamName: string): string => streamName.replace('-', `/${history}-`);
  if (operation.kind === 'read') return { kind: 'read', streamName: own(operation.streamName) };
  return {
    kind: 'append',
    entries: operation.entries.map((item) => ({ ...item, streamName: own(item.streamName) })),
  };
}

/** Runs the scripts side by side, client by client on its store, and checks what came of it. */
async function runScripts(
  clients: readonly (readonly Operation[])[],
  stores: readonly AnyStore[],
  waitFor: <T>(work: Promise<T>) => Promise<T> = (work) => work,
): Promise<number> {
  const history: (Observed & { readonly positions: readonly number[] })[] = [];
  let clock = 0;
  histories += 1;
  const own = histories;
  const streamNames = [`A/${own}-1`, `B/${own}-1`];
  const observe = async (store: AnyStore, asked: Operation): Promise<void> => {
    const operation = onOwnStreams(asked, own);
    clock += 1;
    const called = clock;
    const result = await perform(store, operation);
    clock += 1;
    history.push({ operation, ...result, called, answered: clock });
  };
  const storeOf = (client: number): AnyStore => {
    const store = stores[client % stores.length];
    if (store === undefined) throw new Error('no stores');
    return store;
  };
  await waitFor(
    Promise.all(
      clients.map(async (script, client) => {
        for (const operation of script) await observe(storeOf(client), operation);
      }),
    ),
  );
  // What is there at the end must be explained, too.
  await waitFor(Promise.all(['A-1', 'B-1'].map((streamName) => observe(storeOf(0), { kind: 'read', streamName }))));
  ok(isLinearizable(history), `no order explains this history: ${JSON.stringify(history, undefined, 2)}`);

  // Positions: each once, and what was answered before another was called stands before it.
  const positions = history.flatMap((item) => item.positions);
  strictEqual(new Set(positions).size, positions.length);
  for (const earlier of history) {
    for (const later of history.filter(({ called }) => called > earlier.answered)) {
      ok(Math.max(0, ...earlier.positions) < Math.min(Infinity, ...later.positions));
    }
  }
  const log = await waitFor(storeOf(0).readAll({ streamNames }).toArray());
  for (const streamName of streamNames) {
    const versions = log.filter((event) => event.streamName === streamName).map(({ streamVersion }) => streamVersion);
    deepStrictEqual(
      versions,
      Array.from(versions, (_, index) => index + 1),
    );
  }
  return history.length;
}

describe('the checker of histories', () => {
  const append = (n: number, expectedVersion: 'any' | 'no_stream' | number): Operation => ({
    kind: 'append',
    entries: [{ streamName: 'A-1', expectedVersion, events: [{ type: 'Noted', data: null, id: idOf(n) }] }],
  });
  const won = (n: number, version: number): Answer => ({
    kind: 'appended',
    repeated: false,
    streams: [{ version, ids: [idOf(n)] }],
  });
  const read = (...numbers: readonly number[]): Pick<Observed, 'operation' | 'answer'> => ({
    operation: { kind: 'read', streamName: 'A-1' },
    answer: { kind: 'read', ids: numbers.map(idOf) },
  });

  test('accepts what one order explains, in whatever order the answers came', () => {
    const history = [
      { operation: append(2, 'any'), answer: won(2, 2), called: 1, answered: 3 },
      { operation: append(1, 'no_stream'), answer: won(1, 1), called: 2, answered: 4 },
      { ...read(1, 2), called: 5, answered: 6 },
    ];
    ok(isLinearizable(history));
  });

  test('rejects two winners of one version, a read of what is past, a lost event and a conflict with nobody', () => {
    const first = { operation: append(1, 'no_stream'), answer: won(1, 1), called: 1, answered: 3 };
    const conflict: Answer = {
      kind: 'refused',
      facts: { code: 'CONCURRENCY_CONFLICT', streamName: 'A-1', expectedVersion: 'no_stream', actualVersion: 1 },
    };
    ok(!isLinearizable([first, { operation: append(2, 'no_stream'), answer: won(2, 1), called: 2, answered: 4 }]));
    ok(!isLinearizable([first, { ...read(), called: 4, answered: 5 }]));
    ok(!isLinearizable([first, { ...read(1), called: 4, answered: 5 }, { ...read(), called: 6, answered: 7 }]));
    const early = { operation: append(2, 'no_stream'), answer: conflict, called: 1, answered: 2 };
    ok(isLinearizable([early, first]));
    ok(!isLinearizable([early, { ...first, called: 3, answered: 4 }]));
  });
});

describePostgres('concurrent histories', (databases) => {
  const target = long === undefined ? 400 : Math.ceil(long / 20);
  const timeout = long === undefined ? 120_000 : 3_600_000;

  /** Runs histories until `target` commands were executed. */
  async function runUntil(
    name: string,
    makeProperty: (count: (executed: number) => void) => IAsyncProperty<unknown>,
  ): Promise<void> {
    const total = { executed: 0, failures: 1 };
    try {
      for (let round = 0; total.executed < target; round += 1) {
        const property = makeProperty((executed) => {
          total.executed += executed;
        });
        await check(property, { seed: seed + round, numRuns: 20, interruptAfterTimeLimit: 600_000 });
      }
      total.failures = 0;
    } finally {
      console.log(`${name}: SEED=${seed}, ${total.executed} commands`);
      reportRun(total);
    }
  }

  test(
    `of clients on two stores, under real concurrency, are explained by one order: SEED=${seed}`,
    { timeout },
    async () => {
      const url = await databases.create();
      await using left = createPostgresStore({ url });
      await using right = createPostgresStore({ url });
      await runUntil('concurrent histories', (count) =>
        asyncProperty(scripts, async (clients) => count(await runScripts(clients, [left, right]))),
      );
    },
  );

  test(`are explained by one order in whatever order statements go through: SEED=${seed}`, { timeout }, async () => {
    const pool = new Pool({ connectionString: await databases.create(), max: 10 });
    let held: Scheduler | undefined;
    const scheduled: PoolLike = {
      connect: async () => {
        const client = await pool.connect();
        return {
          // Each statement waits until its turn comes; fast-check draws whose turn it is.
          query: (query) => held?.scheduleFunction(() => client.query(query))() ?? client.query(query),
          release: (error) => client.release(error),
          on: (event, listener) => client.on(event, listener),
          off: (event, listener) => client.off(event, listener),
        };
      },
    };
    // Without notifications, whose time is not drawn.
    const stores = [0, 1].map(() => createPostgresStore({ pool: scheduled, wakeUp: 'poll' }));
    for (const store of stores) await store.readBound();
    await runUntil('scheduled histories', (count) =>
      asyncProperty(scheduler(), scripts, async (drawn, clients) => {
        held = drawn;
        try {
          count(await runScripts(clients, stores, (work) => drawn.waitFor(work)));
        } finally {
          held = undefined;
        }
      }),
    );
    for (const store of stores) await store.close();
    await pool.end();
  });
});
