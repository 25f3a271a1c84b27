import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import { createEventStore, type EventStorage, type RecordedEvent } from '../../src/index.ts';
import { factsOf, keepInput, toCommand } from './guarded-append.ts';
import type { GuardedInput } from './guard-model.ts';
import { isLinearizable, toPlainResult, type Answer, type Observed, type Operation } from './linearizability.ts';
import { outcome, pickFacts, type AnyStore } from './subject.ts';

/** A storage with a store on it, as one process has them. */
export interface Client {
  readonly storage: EventStorage;
  readonly store: AnyStore;
}

export function clientOn(storage: EventStorage): Client {
  return { storage, store: createEventStore(storage) };
}

export const idOf = (n: number): string => `0190f0f0-0000-7000-8000-${String(n).padStart(12, '0')}`;

interface Told {
  readonly answer: Answer;
  /** Of what was appended now. */
  readonly positions: readonly number[];
}

async function perform({ store, storage }: Client, operation: Operation): Promise<Told> {
  switch (operation.kind) {
    case 'read': {
      const ids = (await store.readStream(operation.streamName).toArray()).map(({ id }) => id);
      return { answer: { kind: 'read', ids }, positions: [] };
    }
    case 'holder': {
      const streamName = await storage.findHolder(operation.set, operation.value);
      return { answer: { kind: 'holder', streamName }, positions: [] };
    }
    case 'result':
      return told(await storage.readResult(operation.key));
    case 'keep':
      return told(await storage.keepResult(keepInput(operation.result)));
    case 'append':
      return appendPlain(store, operation);
    case 'guarded':
      return appendGuarded(storage, operation.input);
  }
}

function told(result: Parameters<typeof toPlainResult>[0] | undefined): Told {
  return { answer: { kind: 'result', result: result && toPlainResult(result) }, positions: [] };
}

async function appendPlain(store: AnyStore, { entries }: Operation & { readonly kind: 'append' }): Promise<Told> {
  const { value, error } = await outcome(() =>
    store.appendMany(
      entries.map(({ streamName, events, expectedVersion = 'any' }) =>
        events === undefined ? { streamName, expectedVersion } : { streamName, events, expectedVersion },
      ),
    ),
  );
  if (value === undefined) return { answer: { kind: 'refused', facts: errorFacts(error) }, positions: [] };
  return stored(value.repeated, value.streams);
}

async function appendGuarded(storage: EventStorage, input: GuardedInput): Promise<Told> {
  const answer = await storage.append(toCommand(input, { newId: () => '' }));
  switch (answer.status) {
    case 'appended':
      return stored(answer.repeated, answer.entries);
    case 'known':
      return told(answer.result);
    case 'taken': {
      const { status: _status, ...facts } = answer;
      return { answer: { kind: 'taken', facts }, positions: [] };
    }
    default:
      return { answer: { kind: 'refused', facts: factsOf(answer, input) }, positions: [] };
  }
}

function stored(
  repeated: boolean,
  streams: readonly {
    readonly streamVersion: number;
    readonly events: readonly Pick<RecordedEvent, 'id' | 'globalPosition'>[];
  }[],
): Told {
  const events = streams.flatMap((stream) => stream.events);
  return {
    answer: {
      kind: 'appended',
      repeated,
      streams: streams.map((stream) => ({ version: stream.streamVersion, ids: stream.events.map(({ id }) => id) })),
    },
    positions: repeated ? [] : events.map(({ globalPosition }) => globalPosition),
  };
}

function errorFacts(error: unknown): Readonly<Record<string, unknown>> {
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
let made = 0;

/** The same on streams, keys and sets, and in categories, that no other history has used. */
function onOwn(operation: Operation, history: number): Operation {
  const own = (name: string): string => name.replace('-', `/${history}-`);
  const ownName = (name: string): string => `${name}/${history}`;
  switch (operation.kind) {
    case 'read':
      return { kind: 'read', streamName: own(operation.streamName) };
    case 'append':
      return {
        kind: 'append',
        entries: operation.entries.map((item) => ({ ...item, streamName: own(item.streamName) })),
      };
    case 'holder':
      return { ...operation, set: ownName(operation.set) };
    case 'result':
      return { kind: 'result', key: ownName(operation.key) };
    case 'keep':
      return { kind: 'keep', result: { ...operation.result, key: ownName(operation.result.key) } };
    case 'guarded':
      return { kind: 'guarded', input: toOwnInput(operation.input, { own, ownName }) };
  }
}

/** Every append says by its value which one it is; events whose ids are not the caller's get new ones. */
function toOwnInput(
  { entries, mayBeRepeated, key }: GuardedInput,
  { own, ownName }: { readonly own: (streamName: string) => string; readonly ownName: (name: string) => string },
): GuardedInput {
  const fresh = (): string => {
    made += 1;
    return idOf(1_000_000 + made);
  };
  return {
    mayBeRepeated,
    key: key === undefined ? undefined : { ...key, key: ownName(key.key), value: fresh() },
    entries: entries.map(({ streamName, events, holds, ...entry }) => ({
      ...entry,
      streamName: own(streamName),
      events: events.map((event) => (mayBeRepeated ? event : { ...event, id: fresh() })),
      holds: holds?.map((hold) => ({ ...hold, set: ownName(hold.set) })),
    })),
  };
}

/** What clients do, and how. */
export interface Scripts {
  /** What each client does, one after another. */
  readonly clients: readonly (readonly Operation[])[];
  /** What is asked when all have ended: it must be explained, too. */
  readonly last: readonly Operation[];
  readonly waitFor?: <T>(work: Promise<T>) => Promise<T>;
}

type Happened = Observed & Pick<Told, 'positions'>;

/** Runs the scripts side by side, client by client on its store, and checks what came of it. */
export async function runScripts(
  processes: readonly Client[],
  { clients, last, waitFor = (work) => work }: Scripts,
): Promise<readonly Observed[]> {
  const history: Happened[] = [];
  let clock = 0;
  histories += 1;
  const own = histories;
  const observe = async (client: Client, asked: Operation): Promise<void> => {
    const operation = onOwn(asked, own);
    clock += 1;
    const called = clock;
    const result = await perform(client, operation);
    clock += 1;
    history.push({ operation, ...result, called, answered: clock });
  };
  const processOf = (client: number): Client => {
    const found = processes[client % processes.length];
    if (found === undefined) throw new Error('no stores');
    return found;
  };
  await waitFor(
    Promise.all(
      clients.map(async (script, client) => {
        for (const operation of script) await observe(processOf(client), operation);
      }),
    ),
  );
  for (const operation of last) await waitFor(observe(processOf(0), operation));
  ok(isLinearizable(history), `no order explains this history: ${JSON.stringify(history, undefined, 2)}`);
  checkPositions(history);
  const streamNames = last.flatMap((operation) => (operation.kind === 'read' ? [operation.streamName] : []));
  await checkVersions(
    streamNames.map((streamName) => streamName.replace('-', `/${own}-`)),
    { store: processOf(0).store, waitFor },
  );
  return history;
}

/** Each once, and what was answered before another was called stands before it. */
function checkPositions(history: readonly Happened[]): void {
  const positions = history.flatMap((item) => item.positions);
  strictEqual(new Set(positions).size, positions.length);
  for (const earlier of history) {
    for (const later of history.filter(({ called }) => called > earlier.answered)) {
      ok(Math.max(0, ...earlier.positions) < Math.min(Infinity, ...later.positions));
    }
  }
}

async function checkVersions(
  streamNames: readonly string[],
  { store, waitFor }: { readonly store: AnyStore; readonly waitFor: <T>(work: Promise<T>) => Promise<T> },
): Promise<void> {
  const log = await waitFor(store.readAll({ streamNames }).toArray());
  for (const streamName of streamNames) {
    const versions = log.filter((event) => event.streamName === streamName).map(({ streamVersion }) => streamVersion);
    deepStrictEqual(
      versions,
      Array.from(versions, (_, index) => index + 1),
    );
  }
}
