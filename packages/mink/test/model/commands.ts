import { deepStrictEqual, ok } from 'node:assert';
import { commands, constantFrom, nat, option, record, tuple, uniqueArray, type Arbitrary } from 'fast-check';
import { guardedSteps } from './guarded-commands.ts';
import {
  categories,
  directions,
  events,
  expectations,
  filters,
  limits,
  marks,
  somePrefix,
  someTypes,
  streamNames,
  type Mark,
} from './inputs.ts';
import { categoryOf, type EntryInput, type ModelEvent } from './log-model.ts';
import { resolve, step, type Step, type World } from './step.ts';
import { outcome, pickFacts, plain, type AnyAppended, type Subject } from './subject.ts';

async function appendOne(
  subject: Subject,
  entry: EntryInput & { readonly events: EntryInput['events'] & {} },
): Promise<void> {
  await subject.append([entry], async (): Promise<AnyAppended> => {
    const { expectedVersion } = entry;
    const result = await subject.store.append(entry.streamName, entry.events, { expectedVersion });
    deepStrictEqual(result.streamName, entry.streamName);
    return {
      ...result,
      streams: [{ streamName: result.streamName, streamVersion: result.streamVersion, events: result.events }],
    };
  });
}

async function appendSeveral(subject: Subject, entries: readonly EntryInput[]): Promise<void> {
  await subject.append(entries, () =>
    subject.store.appendMany(
      entries.map(({ streamName, events: list, expectedVersion }) =>
        list === undefined
          ? { streamName, expectedVersion: expectedVersion ?? 'any' }
          : { streamName, events: list, expectedVersion },
      ),
    ),
  );
}

function remember(world: World, entries: EntryInput[]): void {
  if (entries.some((entry) => entry.events?.some(({ id }) => id !== undefined))) world.sent.push(entries);
}

const append = step(
  'append',
  record({ streamName: streamNames, list: events, expectation: expectations }),
  async (subject, { streamName, list, expectation }, world) => {
    const entry = { streamName, events: list, expectedVersion: resolve(subject.model, streamName, expectation) };
    await appendOne(subject, entry);
    remember(world, [entry]);
  },
);

const appendMany = step(
  'appendMany',
  uniqueArray(
    record({ streamName: streamNames, list: option(events, { nil: undefined }), expectation: expectations }),
    {
      minLength: 1,
      maxLength: 4,
      selector: ({ streamName }) => streamName,
    },
  ),
  async (subject, items, world) => {
    const used = new Set<string>();
    const withIds = items.some(({ list }) => list?.[0]?.id !== undefined);
    const entries = items.map(({ streamName, list, expectation }): EntryInput => ({
      streamName,
      expectedVersion: resolve(subject.model, streamName, expectation) ?? (list === undefined ? 'any' : undefined),
      // All events of a command have ids or none has, and no id comes twice.
      events: list?.map((event, index) => {
        if (!withIds) return { type: event.type, data: event.data };
        const id = event.id === undefined || used.has(event.id) ? spareId(used.size, index) : event.id;
        used.add(id);
        return { ...event, id };
      }),
    }));
    await appendSeveral(subject, entries);
    remember(world, entries);
  },
);

function spareId(a: number, b: number): string {
  return `0190f0f0-0000-7000-9000-${String(a * 10 + b).padStart(12, '0')}`;
}

/** Ways to send an append again, right ones and wrong ones. */
const VARIATIONS = {
  same: (entries) => entries,
  'other expectation': (entries) => entries.map((entry) => ({ ...entry, expectedVersion: 'no_stream' })),
  'upper-case ids': (entries) => changeEvents(entries, (event) => ({ ...event, id: event.id?.toUpperCase() })),
  'other content': (entries) => changeEvents(entries, (event) => ({ ...event, data: { other: event.data } })),
  'other type': (entries) => changeEvents(entries, (event) => ({ ...event, type: 'Renamed' })),
  'other order': (entries) => entries.map((entry) => ({ ...entry, events: entry.events?.toReversed() })),
  'entries in another order': (entries) => entries.toReversed(),
  'a part': (entries) => entries.map((entry) => ({ ...entry, events: entry.events?.slice(0, 1) })),
  'without a stream': (entries) => entries.slice(0, 1),
  'one more event': (entries) =>
    entries.map((entry, at) =>
      at > 0 || entry.events === undefined
        ? entry
        : { ...entry, events: [...entry.events, { type: 'Counted', data: 1, id: spareId(99, 9) }] },
    ),
  'on another stream': (entries) => entries.map((entry, at) => ({ ...entry, streamName: `Moved-${at}` })),
} as const satisfies Record<string, (entries: readonly EntryInput[]) => readonly EntryInput[]>;

function changeEvents(
  entries: readonly EntryInput[],
  change: (event: NonNullable<EntryInput['events']>[number]) => NonNullable<EntryInput['events']>[number],
): readonly EntryInput[] {
  return entries.map((entry) => ({ ...entry, events: entry.events?.map(change) }));
}

const repeat = step(
  'repeat',
  record({
    which: nat(1_000),
    variation: constantFrom('same', 'same', ...(Object.keys(VARIATIONS) as (keyof typeof VARIATIONS)[])),
  }),
  async (subject, { which, variation }, world) => {
    if (world.sent.length === 0) return;
    const entries = VARIATIONS[variation](world.sent[which % world.sent.length] ?? []);
    const [only] = entries;
    if (entries.length === 1 && only?.events !== undefined) {
      await appendOne(subject, { ...only, events: only.events });
    } else {
      await appendSeveral(subject, entries);
    }
  },
);

/** The event a mark is set by, and its position and time shifted. */
function markOf(list: readonly ModelEvent[], { at, shift }: Mark): { version: number; position: number; time: number } {
  const event = list[at % Math.max(list.length, 1)];
  return {
    version: Math.max(0, (event?.streamVersion ?? 0) + shift),
    position: Math.max(0, (event?.globalPosition ?? 0) + shift),
    time: (event?.recordedAt ?? 0) + shift,
  };
}

function cut<T>(list: readonly T[], direction: string | undefined, limit: number | undefined): readonly T[] {
  return (direction === 'backwards' ? list.toReversed() : list).slice(0, limit ?? Infinity);
}

const readStream = step(
  'readStream',
  record({
    streamName: streamNames,
    from: option(marks, { nil: undefined }),
    until: option(record({ mark: marks, by: constantFrom('version', 'position', 'time') }), { nil: undefined }),
    direction: directions,
    wanted: someTypes,
    size: limits,
  }),
  async ({ store, model }, { streamName, from, until, direction, wanted, size }) => {
    const stream = model.stream(streamName);
    const fromVersion = from === undefined ? undefined : markOf(stream, from).version;
    const end = until === undefined ? undefined : markOf(stream, until.mark);
    const expected = stream.filter(
      (event) =>
        event.streamVersion >= (fromVersion ?? 1) &&
        (wanted === undefined || wanted.includes(event.type)) &&
        (until?.by !== 'version' || event.streamVersion <= (end?.version ?? 0)) &&
        (until?.by !== 'position' || event.globalPosition <= (end?.position ?? 0)) &&
        (until?.by !== 'time' || event.recordedAt <= (end?.time ?? 0)),
    );
    const untilOption = {
      version: { version: end?.version ?? 0 },
      position: { position: end?.position ?? 0 },
      time: { time: new Date(end?.time ?? 0) },
    };
    const read = await store
      .readStream(streamName, {
        fromVersion,
        until: until === undefined ? undefined : untilOption[until.by],
        direction,
        types: wanted,
        ...size,
      })
      .toArray();
    deepStrictEqual(read.map(plain), cut(expected, direction, size.limit).map(plain));
  },
);

const readAll = step(
  'readAll',
  record({
    after: option(marks, { nil: undefined }),
    until: option(record({ mark: marks, by: constantFrom('position', 'time') }), { nil: undefined }),
    direction: directions,
    filter: filters,
    size: limits,
  }),
  async ({ store, model }, { after, until, direction, filter, size }) => {
    const start = after === undefined ? undefined : markOf(model.log, after).position;
    const end = until === undefined ? undefined : markOf(model.log, until.mark);
    const last =
      until === undefined ? Infinity : until.by === 'position' ? (end?.position ?? 0) : model.lastUntil(end?.time ?? 0);
    const expected = model
      .matching(filter)
      .filter(({ globalPosition }) => globalPosition > (start ?? 0) && globalPosition <= last);
    const read = await store
      .readAll({
        after: start,
        until:
          end === undefined
            ? undefined
            : until?.by === 'time'
              ? { time: new Date(end.time) }
              : { position: end.position },
        direction,
        ...filter,
        ...size,
      })
      .toArray();
    deepStrictEqual(read.map(plain), cut(expected, direction, size.limit).map(plain));
  },
);

const streamInfo = step('streamInfo', streamNames, async ({ store, model }, streamName) => {
  const info = await store.streamInfo(streamName);
  const stream = model.stream(streamName);
  deepStrictEqual(
    info,
    stream.length === 0
      ? undefined
      : {
          streamName,
          category: categoryOf(streamName),
          version: stream.length,
          createdAt: new Date(stream[0]?.recordedAt ?? 0),
          // May be ahead of the last event: the clock of the stream can be set by hand.
          lastRecordedAt: info?.lastRecordedAt,
          state: 'live',
        },
  );
  if (info === undefined) {
    const { error } = await outcome(() => store.readStreamOrThrow(streamName).toArray());
    const facts = { code: 'STREAM_NOT_FOUND', streamName };
    deepStrictEqual(pickFacts(error, facts), facts);
  } else {
    ok(info.lastRecordedAt.getTime() >= (stream.at(-1)?.recordedAt ?? 0));
  }
});

const listStreams = step(
  'listStreams',
  record({ category: option(categories, { nil: undefined }), prefix: somePrefix, size: limits }),
  async ({ store, model }, { category, prefix, size }) => {
    const expected = model
      .streamNames()
      .filter((name) => (category === undefined || categoryOf(name) === category) && name.startsWith(prefix ?? ''))
      .slice(0, size.limit ?? Infinity);
    const listed = await store.listStreams({ category, prefix, ...size }).toArray();
    deepStrictEqual(
      listed.map(({ streamName, version }) => [streamName, version]),
      expected.map((name) => [name, model.version(name)]),
    );
  },
);

const subscribe = step(
  'subscribe',
  record({ after: marks, filter: filters, pageSize: constantFrom(1, 3, 1_000) }),
  async ({ store, model }, { after, filter, pageSize }) => {
    const start = Math.min(markOf(model.log, after).position, model.log.at(-1)?.globalPosition ?? 0);
    const expected = model.matching(filter).filter(({ globalPosition }) => globalPosition > start);
    const stop = new AbortController();
    const seen: unknown[] = [];
    if (expected.length === 0) return;
    for await (const event of store.subscribe({ ...filter, after: start, pageSize, signal: stop.signal })) {
      seen.push(plain(event));
      if (seen.length === expected.length) stop.abort();
    }
    deepStrictEqual(seen, expected.map(plain));
  },
);

const subscribeBeyond = step('subscribe beyond the end', nat(3), async ({ store }, more) => {
  const { head } = await store.readBound();
  const after = head + 1 + more;
  const { error } = await outcome(() => store.subscribe({ after }).first());
  const facts = { code: 'LOG_REWOUND', after, head };
  deepStrictEqual(pickFacts(error, facts), facts);
});

const follow = step(
  'follow',
  record({ after: marks, filter: filters, pageSize: constantFrom(1, 3, 1_000) }),
  async (subject, { after, filter, pageSize }) => {
    const end = subject.model.log.at(-1)?.globalPosition ?? 0;
    subject.follow(Math.min(markOf(subject.model.log, after).position, end), filter, pageSize);
  },
);

const checkFollowers = step('check followers', nat(0), (subject) => subject.checkFollowers());

/** Bad input, each with one fault, and the code it is refused with. */
const BAD: Readonly<Record<string, readonly [string, (store: Subject['store']) => Promise<unknown>]>> = {
  'name without a dash': ['INVALID_STREAM_NAME', (store) => store.append('A', [{ type: 'T', data: 1 }])],
  'name with NUL': ['INVALID_STREAM_NAME', (store) => store.append('A-\0', [{ type: 'T', data: 1 }])],
  'name with half a pair': ['INVALID_STREAM_NAME', (store) => store.append('A-\ud800', [{ type: 'T', data: 1 }])],
  'no events': ['NO_EVENTS', (store) => store.append('A-1', [])],
  'a date': ['INVALID_EVENT_DATA', (store) => store.append('A-1', [{ type: 'T', data: new Date(0) }])],
  'a bigint': ['INVALID_EVENT_DATA', (store) => store.append('A-1', [{ type: 'T', data: [1n] }])],
  'half of the ids': [
    'INVALID_ARGUMENT',
    (store) =>
      store.append('A-1', [
        { type: 'T', data: 1, id: spareId(1, 1) },
        { type: 'T', data: 2 },
      ]),
  ],
  'an id twice': [
    'INVALID_ARGUMENT',
    (store) => {
      const event = { type: 'T', data: 1, id: spareId(1, 1) };
      return store.append('A-1', [event, { ...event, id: event.id.toUpperCase() }]);
    },
  ],
  'an id that is none': ['INVALID_ARGUMENT', (store) => store.append('A-1', [{ type: 'T', data: 1, id: 'x' }])],
  'a stream twice': [
    'INVALID_ARGUMENT',
    (store) => {
      const entry = { streamName: 'A-1', events: [{ type: 'T', data: 1 }] };
      return store.appendMany([entry, entry]);
    },
  ],
  'a version below 0': [
    'INVALID_ARGUMENT',
    (store) => store.append('A-1', [{ type: 'T', data: 1 }], { expectedVersion: -1 }),
  ],
  'a limit of 0': ['INVALID_ARGUMENT', async (store) => store.readAll({ limit: 0 }).toArray()],
  'a payload above the limit': [
    'PAYLOAD_TOO_LARGE',
    (store) => store.append('A-1', [{ type: 'T', data: 'x'.repeat(1_048_575) }]),
  ],
};

const bad = step('bad input', constantFrom(...Object.keys(BAD)), async ({ store }, name) => {
  const [code, work] = BAD[name] ?? ['', async () => undefined];
  const { error } = await outcome(() => work(store));
  deepStrictEqual(pickFacts(error, { code }), { code }, name);
});

const reopen = step('reopen', nat(0), (subject) => subject.reopen());
const disturb = step('disturb', tuple(nat(1_000)), (subject, [n]) => subject.kind.disturb(n));

/** Sequences of commands. Appends come often, what is slow or ends things comes seldom. */
export function commandSequences(maxCommands: number): Arbitrary<Iterable<Step>> {
  const weighted = (count: number, arbitrary: Arbitrary<Step>): Arbitrary<Step>[] => Array(count).fill(arbitrary);
  return commands(
    [
      ...weighted(9, append),
      ...weighted(6, appendMany),
      ...weighted(6, repeat),
      ...weighted(5, readStream),
      ...weighted(5, readAll),
      ...weighted(3, streamInfo),
      ...weighted(3, listStreams),
      ...weighted(2, subscribe),
      ...weighted(2, follow),
      ...weighted(2, checkFollowers),
      ...weighted(2, bad),
      ...weighted(2, disturb),
      ...guardedSteps.flatMap(([count, arbitrary]) => weighted(count, arbitrary)),
      subscribeBeyond,
      reopen,
    ],
    { maxCommands, size: 'max' },
  );
}
