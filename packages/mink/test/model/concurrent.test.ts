import { deepStrictEqual, ok, strictEqual, throws } from 'node:assert';
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
import { createPostgresStorage, type PoolLike } from '../../src/postgres/index.ts';
import { describePostgres } from '../support/databases.ts';
import type { GuardedInput } from './guard-model.ts';
import { guardedOperations, lastLooks } from './guarded-operations.ts';
import { isLinearizable, type Answer, type Observed, type Operation } from './linearizability.ts';
import type { EntryInput } from './log-model.ts';
import { clientOn, idOf, runScripts } from './run-scripts.ts';
import { modelSettings, reportRun } from './settings.ts';

const { seed, long } = modelSettings();

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

const reads = ['A-1', 'B-1'].map((streamName): Operation => ({ kind: 'read', streamName }));

/** What clients do in histories of one kind. */
interface Way {
  readonly name: string;
  readonly operations: Arbitrary<Operation>;
  readonly last: readonly Operation[];
  /** What appends must have come to, or the histories prove too little. */
  readonly endings: readonly string[];
}

/** What each client does, one after another. */
function scriptsOf(some: Arbitrary<Operation>): Arbitrary<readonly (readonly Operation[])[]> {
  return array(array(some, { minLength: 1, maxLength: 3 }), { minLength: 2, maxLength: 4 });
}

/** How an append ended, for the tally. */
function endingOf({ operation, answer }: Observed): readonly string[] {
  if (operation.kind !== 'append' && operation.kind !== 'guarded') return [];
  switch (answer.kind) {
    case 'appended':
      return [answer.repeated ? 'repeated' : 'appended'];
    case 'refused':
      return [String(answer.facts['code'])];
    case 'result':
      return ['known'];
    default:
      return [answer.kind];
  }
}

/** Whatever the order: of all that had one key, one took effect, and everybody was told the same result. */
function checkKeys(history: readonly Observed[]): void {
  const effects: string[] = [];
  const results = new Map<string, Set<string>>();
  for (const { operation, answer } of history) {
    const key = operation.kind === 'guarded' ? operation.input.key?.key : undefined;
    if (key !== undefined && answer.kind === 'appended' && !answer.repeated) effects.push(key);
    if (answer.kind !== 'result' || answer.result === undefined) continue;
    const told = results.get(answer.result.key) ?? new Set();
    results.set(answer.result.key, told.add(JSON.stringify(answer.result)));
  }
  strictEqual(new Set(effects).size, effects.length, 'a key had two effects');
  for (const [key, told] of results) strictEqual(told.size, 1, `${key} had different results: ${[...told].join()}`);
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

  const keyed = (n: number): Operation => ({ kind: 'guarded', input: { ...claim(n, []), key } });
  const claim = (n: number, values: readonly string[]): GuardedInput => ({
    entries: [
      {
        streamName: `A-${n}`,
        expectedVersion: 'any',
        events: [{ type: 'Noted', data: null, id: idOf(n) }],
        holds: [{ set: 'email', values, isForever: false }],
      },
    ],
    mayBeRepeated: false,
    key: undefined,
  });
  const key = { key: 'k', messageType: 'Do', fingerprint: 'f', value: undefined };
  const resultOf = (n: number): Answer => {
    const { value, ...facts } = key;
    return { kind: 'result', result: { ...facts, status: 'appended', value, entries: [[`A-${n}`, 1, [idOf(n)]]] } };
  };

  test('of two with one key at once, accepts that one takes effect and both get its result, and nothing else', () => {
    const times = { called: 1, answered: 9 };
    const first = { operation: keyed(1), answer: won(1, 1), ...times };
    const second = (answer: Answer): Observed => ({ operation: keyed(2), answer, ...times });
    ok(isLinearizable([second(resultOf(1)), first]));
    ok(!isLinearizable([second(won(2, 1)), first]));
    ok(!isLinearizable([second(resultOf(2)), first]));
    ok(
      !isLinearizable([
        { ...second(resultOf(1)), called: 1, answered: 2 },
        { ...first, called: 3 },
      ]),
    );
    throws(() => checkKeys([first, second(won(2, 1))]), /two effects/u);
    throws(() => checkKeys([second(resultOf(1)), second(resultOf(2))]), /different results/u);
  });

  test('of two that want one value at once, accepts one holder, who gives it up before the other gets it', () => {
    const guarded = (n: number, values: readonly string[]): Operation => ({ kind: 'guarded', input: claim(n, values) });
    const first = { operation: guarded(1, ['x']), answer: won(1, 1), called: 1, answered: 3 };
    const facts = { streamName: 'A-2', set: 'email', value: 'x', heldBy: 'A-1' };
    const second = { operation: guarded(2, ['x']), called: 2, answered: 6 };
    const holder = (streamName: string | undefined): Observed => ({
      operation: { kind: 'holder', set: 'email', value: 'x' },
      answer: { kind: 'holder', streamName },
      called: 7,
      answered: 8,
    });
    ok(isLinearizable([first, { ...second, answer: { kind: 'taken', facts } }, holder('A-1')]));
    ok(!isLinearizable([first, { ...second, answer: won(2, 1) }]));
    ok(!isLinearizable([first, { ...second, answer: { kind: 'taken', facts } }, holder(undefined)]));
    const release = { operation: append(9, 'any'), answer: won(9, 2), called: 4, answered: 5 };
    const freed = { ...release, operation: guarded(1, []), answer: { ...won(1, 2) } };
    ok(!isLinearizable([first, release, { ...second, answer: won(2, 1) }, holder('A-2')]));
    ok(isLinearizable([first, freed, { ...second, answer: won(2, 1) }, holder('A-2')]));
  });
});

describePostgres('concurrent histories', (databases) => {
  const target = long === undefined ? 400 : Math.ceil(long / 20);
  const timeout = long === undefined ? 120_000 : 3_600_000;

  const ways: readonly Way[] = [
    { name: 'histories', operations, last: reads, endings: ['appended', 'CONCURRENCY_CONFLICT'] },
    {
      name: 'histories with keys and values',
      operations: guardedOperations,
      last: lastLooks,
      endings: ['appended', 'known', 'taken', 'CONCURRENCY_CONFLICT'],
    },
  ];

  /** Runs histories until `target` commands were executed. */
  async function runUntil(
    { name, endings }: { readonly name: string; readonly endings: readonly string[] },
    makeProperty: (take: (history: readonly Observed[]) => void) => IAsyncProperty<unknown>,
  ): Promise<void> {
    const total = { executed: 0, failures: 1 };
    const tally = new Map<string, number>();
    const isEnough = (): boolean => total.executed >= (endings.every((ending) => tally.has(ending)) ? 1 : 5) * target;
    try {
      for (let round = 0; !isEnough(); round += 1) {
        const property = makeProperty((history) => {
          total.executed += history.length;
          for (const ending of history.flatMap(endingOf)) tally.set(ending, (tally.get(ending) ?? 0) + 1);
          checkKeys(history);
        });
        await check(property, { seed: seed + round, numRuns: 20, interruptAfterTimeLimit: 600_000 });
      }
      deepStrictEqual(
        endings.filter((ending) => !tally.has(ending)),
        [],
        'nothing ended like that',
      );
      total.failures = 0;
    } finally {
      console.log(`${name}: SEED=${seed}, ${total.executed} commands, appends ended as`, Object.fromEntries(tally));
      reportRun(total);
    }
  }

  test.each(ways.map((way) => [way.name, way] as const))(
    `%s of clients on two stores, under real concurrency, are explained by one order: SEED=${seed}`,
    { timeout },
    async (name, { operations: some, last, endings }) => {
      const url = await databases.create();
      const clients = [0, 1].map(() => clientOn(createPostgresStorage({ url })));
      await runUntil({ name: `concurrent ${name}`, endings }, (take) =>
        asyncProperty(scriptsOf(some), async (scripts) => take(await runScripts(clients, { clients: scripts, last }))),
      );
      for (const { store } of clients) await store.close();
    },
  );

  test.each(ways.map((way) => [way.name, way] as const))(
    `%s are explained by one order in whatever order statements go through: SEED=${seed}`,
    { timeout },
    async (name, { operations: some, last, endings }) => {
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
      const clients = [0, 1].map(() => clientOn(createPostgresStorage({ pool: scheduled, wakeUp: 'poll' })));
      for (const { store } of clients) await store.readBound();
      await runUntil({ name: `scheduled ${name}`, endings }, (take) =>
        asyncProperty(scheduler(), scriptsOf(some), async (drawn, scripts) => {
          held = drawn;
          try {
            const waitFor = <T>(work: Promise<T>): Promise<T> => drawn.waitFor(work);
            take(await runScripts(clients, { clients: scripts, last, waitFor }));
          } finally {
            held = undefined;
          }
        }),
      );
      for (const { store } of clients) await store.close();
      await pool.end();
    },
  );
});
