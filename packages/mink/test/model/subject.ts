import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import { createEventStore, type EventStorage, type EventStore, type UntypedCategories } from '../../src/index.ts';
import { createMemoryStorage } from '../../src/memory/index.ts';
import { createPostgresStorage } from '../../src/postgres/index.ts';
import { openClient, runSql } from '../support/databases.ts';
import { storageWith } from '../support/storage-with.ts';
import { GuardModel } from './guard-model.ts';
import { categoryOf, LogModel, type EntryInput, type LogCondition, type ModelEvent } from './log-model.ts';

export type AnyStore = EventStore<UntypedCategories>;

/** A store of some kind that can be closed and opened again with what it held. */
export interface SubjectKind {
  readonly name: string;
  open(): EventStorage;
  /** Something that no reader may notice: what it is, `n` chooses. */
  disturb(n: number): Promise<void>;
  /** So long that whatever expires soon has expired. */
  passTime(): Promise<void>;
  end(): Promise<void>;
}

/** A storage that outlives its store. */
function keptOpen(storage: EventStorage): EventStorage {
  return storageWith(storage, { close: async () => undefined });
}

export function memoryKind(): SubjectKind {
  let now = Date.now();
  const storage = createMemoryStorage({ now: () => now });
  return {
    name: 'memory',
    open: () => keptOpen(storage),
    // The clock goes forwards and backwards.
    disturb: async (n) => {
      now += ((n % 7) - 3) * 1_000;
    },
    // Further than it ever goes back.
    passTime: async () => {
      now += 10_000_000;
    },
    end: () => storage.close(),
  };
}

/** What other clients, time and maintenance do to a schema. */
function disturbancesOf(url: string, schema: string): readonly (() => Promise<unknown>)[] {
  return [
    // An append of somebody else that is rolled back leaves a gap.
    async () => {
      const client = await openClient(url);
      await client.query(`begin; select ${schema}.append_v1(
        array[1], array['A-1'], array['A'], array[0::smallint], array[-1::bigint], array[2], array[false],
        array[1, 1], array[gen_random_uuid(), gen_random_uuid()], array['Lost', 'Lost'], array[1, 1], array['', ''],
        array['1', '2']::json[], array['{}', '{}']::json[], 0, 0); rollback`);
      await client.end();
    },
    // One with a key and a value that is rolled back takes neither.
    async () => {
      const client = await openClient(url);
      await client.query(`begin; select ${schema}.append_v2(
        array['k1'], array['Pay'], array['f'], array['1']::json[], array[1000000::bigint],
        array[1, 1], array['email', 'number'], array['a', '1'], array[false, true],
        array[1], array['Lost-1'], array['Lost'], array[0::smallint], array[-1::bigint], array[1], array[false],
        array[1], array[gen_random_uuid()], array['Lost'], array[1], array[''],
        array['1']::json[], array['{}']::json[], 0, 0); rollback`);
      await client.end();
    },
    () => runSql(url, `select setval('${schema}.global_position', nextval('${schema}.global_position') + 5000000000)`),
    // As if the clock had been ahead when the stream was last written.
    () =>
      runSql(
        url,
        `update ${schema}.streams
        set last_recorded_at = greatest(last_recorded_at, date_trunc('milliseconds', now() + interval '2 seconds'))
        where stream_name = 'A-1'`,
      ),
    () => runSql(url, `vacuum analyze ${schema}.streams, ${schema}.events, ${schema}.idempotency, ${schema}.claims`),
  ];
}

let schemas = 0;

/** Each in a schema of its own: cheaper than a database. */
export function postgresKind(url: string): SubjectKind {
  schemas += 1;
  const schema = `model_${schemas}`;
  const disturbances = disturbancesOf(url, schema);
  return {
    name: 'postgres',
    open: () => createPostgresStorage({ url, schema, pollInterval: 5 }),
    disturb: async (n) => {
      await disturbances[n % disturbances.length]?.();
    },
    // It passes by itself.
    passTime: async () => undefined,
    end: async () => {
      await runSql(url, `drop schema ${schema} cascade`);
    },
  };
}

/** A subscription that is open while other commands run. */
interface Live {
  readonly seen: { readonly id: string; readonly globalPosition: number }[];
  readonly expected: (model: LogModel) => readonly ModelEvent[];
  readonly done: Promise<void>;
  readonly stop: () => void;
  /** Resolves at the next event, at the end, or after a second. */
  readonly nextWake: () => Promise<void>;
}

/** A store under test, and the model of what it must hold. */
export class Subject {
  readonly kind: SubjectKind;
  readonly model = new LogModel();
  readonly guards = new GuardModel();
  storage: EventStorage;
  store: AnyStore;
  /** How often appends ended in which way. */
  readonly tally = new Map<string, number>();
  readonly #live: Live[] = [];
  #ids = 0;

  constructor(kind: SubjectKind) {
    this.kind = kind;
    this.storage = kind.open();
    this.store = this.#storeOn(this.storage);
  }

  newId(): string {
    this.#ids += 1;
    return `00000000-0000-7000-8000-${String(this.#ids).padStart(12, '0')}`;
  }

  /** Something that came of a command, for the tally. */
  count(ending: string): void {
    this.tally.set(ending, (this.tally.get(ending) ?? 0) + 1);
  }

  async append(entries: readonly EntryInput[], send: () => Promise<AnyAppended>): Promise<void> {
    const verdict = this.model.judge(entries);
    const ending = verdict.status === 'refused' ? String(verdict.facts['code']) : verdict.status;
    this.count(ending);
    const { value, error } = await outcome(send);
    if (verdict.status === 'refused') {
      ok(error !== undefined, `the append must be refused: ${JSON.stringify(verdict.facts)}`);
      deepStrictEqual(pickFacts(error, verdict.facts), verdict.facts);
      return;
    }
    if (value === undefined) throw error;
    strictEqual(value.repeated, verdict.status === 'repeated');
    const streams =
      verdict.status === 'repeated'
        ? verdict.streams
        : this.adopt(
            entries,
            value.streams.flatMap(({ events }) => events),
          );
    const expected = entries.map(({ streamName }, at) => ({
      streamName,
      streamVersion: streams[at]?.at(-1)?.streamVersion ?? this.model.version(streamName),
      events: streams[at]?.map(plain),
    }));
    const actual = value.streams.map((stream) => ({ ...stream, events: stream.events.map(plain) }));
    deepStrictEqual(actual, expected);
    strictEqual(
      value.globalPosition,
      streams.flat().reduce((highest, { globalPosition }) => Math.max(highest, globalPosition), 0),
    );
  }

  /** What the store chose itself must be possible, and is what it will be held to. */
  adopt(entries: readonly EntryInput[], stored: readonly StoredAny[]): readonly (readonly ModelEvent[])[] {
    const given = entries.flatMap(({ events = [] }) => events.map(({ id }) => id?.toLowerCase()));
    let last = this.model.log.at(-1)?.globalPosition ?? 0;
    for (const [index, event] of stored.entries()) {
      ok(event.globalPosition > last, `position ${event.globalPosition} does not follow ${last}`);
      last = event.globalPosition;
      const before = this.model.stream(event.streamName).at(-1);
      ok(Number(event.recordedAt) >= (before?.recordedAt ?? 0), 'recorded time fell in a stream');
      strictEqual(event.id, given[index] ?? event.id);
    }
    const times = new Set(stored.map(({ recordedAt }) => Number(recordedAt)));
    ok(times.size <= 1, 'a commit has one time');
    return this.model.add(
      entries,
      stored.map(({ id, globalPosition, recordedAt }) => ({ id, globalPosition, recordedAt: Number(recordedAt) })),
    );
  }

  /** Opens a subscription that is checked later. */
  follow(after: number, condition: LogCondition, pageSize: number): void {
    if (this.#live.length >= 2) return;
    const stop = new AbortController();
    const { store } = this;
    const seen: Live['seen'] = [];
    let wake = (): void => undefined;
    const collect = async (): Promise<void> => {
      for await (const event of store.subscribe({ ...condition, after, pageSize, signal: stop.signal })) {
        seen.push(event);
        wake();
      }
    };
    const done = collect().finally(() => wake());
    done.catch(() => undefined);
    this.#live.push({
      seen,
      done,
      expected: (model) => model.matching(condition).filter(({ globalPosition }) => globalPosition > after),
      stop: () => stop.abort(),
      nextWake: () =>
        new Promise((resolve) => {
          const timer = setTimeout(resolve, 1_000);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        }),
    });
  }

  /** Waits until every open subscription has had what it must have, and checks that it had nothing else. */
  async checkFollowers(): Promise<void> {
    for (const live of this.#live) {
      const expected = live.expected(this.model);
      const deadline = Date.now() + 20_000;
      while (live.seen.length < expected.length && Date.now() < deadline) await live.nextWake();
      deepStrictEqual(
        live.seen.map(({ id }) => id),
        expected.map(({ id }) => id),
      );
    }
  }

  async stopFollowers(): Promise<void> {
    await this.checkFollowers();
    for (const live of this.#live.splice(0)) {
      live.stop();
      await live.done;
    }
  }

  /** Closing ends subscriptions without an error, and everything else with one; what was stored is there afterwards. */
  async reopen(): Promise<void> {
    await this.checkFollowers();
    const closed = this.store;
    await closed.close();
    for (const live of this.#live.splice(0)) await live.done;
    const { error } = await outcome(() => closed.append('A-1', [{ type: 'Late', data: 1 }]));
    deepStrictEqual(pickFacts(error, { code: '' }), { code: 'STORE_CLOSED' });
    this.storage = this.kind.open();
    this.store = this.#storeOn(this.storage);
  }

  /** Everything, by every way of reading it. */
  async checkAll(): Promise<void> {
    await this.stopFollowers();
    const { log } = this.model;
    deepStrictEqual((await this.store.readAll().toArray()).map(plain), log.map(plain));
    deepStrictEqual(
      (await this.store.listStreams().toArray()).map(({ streamName, version }) => [streamName, version]),
      this.model.streamNames().map((streamName) => [streamName, this.model.version(streamName)]),
    );
    for (const streamName of this.model.streamNames()) {
      deepStrictEqual(
        (await this.store.readStream(streamName).toArray()).map(plain),
        this.model.stream(streamName).map(plain),
      );
    }
    const bound = await this.store.readBound();
    ok(bound.position >= (log.at(-1)?.globalPosition ?? 0));
    strictEqual(bound.head, bound.position, 'nothing is under way');
  }

  async end(): Promise<void> {
    for (const live of this.#live) live.stop();
    await this.store.close();
    await this.kind.end();
  }

  #storeOn(storage: EventStorage): AnyStore {
    return createEventStore(storage, { newId: () => this.newId() });
  }
}

/** What `append` and `appendMany` have in common. */
export interface AnyAppended {
  readonly streams: readonly {
    readonly streamName: string;
    readonly streamVersion: number;
    readonly events: readonly (Omit<ModelEvent, 'recordedAt' | 'commit'> & { readonly recordedAt: Date })[];
  }[];
  readonly globalPosition: number;
  readonly repeated: boolean;
}

/** An event as a store, a storage or the model has it. */
type StoredAny = Omit<ModelEvent, 'recordedAt' | 'commit'> & { readonly recordedAt: Date | number };

/** The part of an event that model and store must agree on. */
export function plain(event: StoredAny): unknown {
  const { id, type, data, streamName, streamVersion, globalPosition, recordedAt } = event;
  const category = categoryOf(streamName);
  if ('category' in event) strictEqual(event.category, category);
  return [id, type, data, streamName, streamVersion, globalPosition, Number(recordedAt)];
}

/** How a promise ended. */
export async function outcome<T>(work: () => Promise<T>): Promise<{ readonly value?: T; readonly error?: unknown }> {
  try {
    return { value: await work() };
  } catch (error) {
    return { error };
  }
}

/** Those fields of an error that `facts` has, so that the two can be compared. */
export function pickFacts(error: unknown, facts: Readonly<Record<string, unknown>>): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error;
  const fields = new Map(Object.entries(error));
  return Object.fromEntries(Object.keys(facts).map((key) => [key, fields.get(key)]));
}
