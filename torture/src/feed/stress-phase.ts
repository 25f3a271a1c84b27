import { idleWriter } from '../actors/bystanders.ts';
import { ControlReader } from '../actors/control-reader.ts';
import { LAST_TYPE, RARE_TYPE } from '../actors/event-types.ts';
import { HandWriter } from '../actors/hand-writer.ts';
import { lateCommitter } from '../actors/late-committer.ts';
import { describeError, LibraryWriter } from '../actors/library-writer.ts';
import { MemoryReader, type MemoryReaderOptions } from '../actors/memory-reader.ts';
import { Streams } from '../actors/streams.ts';
import { lostByControl } from '../check/check-control.ts';
import { readLog } from '../cluster/read-log.ts';
import { becomes, pause, TimeLimit } from '../waiting.ts';
import type { PhaseResult, Run } from './run.ts';
import { Stage } from './stage.ts';

const LIBRARY_WRITERS = 8;
const HAND_WRITERS = 5;
/** Appends that are to be answered, however short the phase: a busy machine does next to nothing in its first seconds. */
const FEWEST_APPENDS = 400;
/** Longest that a transaction is held, in milliseconds; in a short phase, a part of it. */
const MAX_HOLD = 2_500;

/**
 * Everybody writes and reads at once, for so many seconds at least: writers through the library and by hand, bystanders, readers of
 * all kinds, and the two broken ones.
 */
export async function stressPhase(
  run: Run,
  { name, seconds }: { readonly name: string; readonly seconds: number },
): Promise<PhaseResult> {
  const stage = await Stage.open(run, name);
  try {
    const controls = [new ControlReader('naive'), new ControlReader('xmin')] as const;
    const controlling = new AbortController();
    const watching = controls.map((control) => control.run(stage.url, controlling.signal));
    await startReaders(stage);
    await write(stage, { seconds, cursors: () => controls.map(({ cursor }) => cursor) });
    await stage.finish();
    const log = await readLog(stage.url);
    const end = log.at(-1)?.position ?? 0;
    // The broken ones, too, have all the time they want.
    await becomes(() => controls.every(({ cursor }) => cursor >= end), { timeout: 10_000, signal: run.signal });
    controlling.abort();
    await Promise.all(watching);
    const lost = controls.map((control) => [control.name, lostByControl(control, log).length]);
    return stage.result(Object.fromEntries(lost));
  } finally {
    await stage.close();
  }
}

/** Over two stores, as two services would be, each with one poller; some begin in the middle of the log. */
async function startReaders(stage: Stage): Promise<void> {
  const stores = [stage.openStore(), stage.openStore({ wakeUp: 'poll' })] as const;
  const middle = await firstEvents(stage, 20);
  const kinds: readonly Omit<MemoryReaderOptions, 'store' | 'random'>[] = [
    { name: 'all, page by page', pageSize: 1000 },
    { name: 'all, in small pages', pageSize: 3 },
    { name: 'all, slowly', pageSize: 100, way: 'slow' },
    { name: 'all, restarting', pageSize: 50, way: 'restarting' },
    { name: 'all, from the middle', pageSize: 50, after: middle },
    { name: 'readAll, again and again', pageSize: 70, way: 'reading' },
    { name: 'a category', pageSize: 20, interest: { categories: ['Hot', 'Late'] } },
    { name: 'a category, restarting', pageSize: 20, interest: { categories: ['Warm'] }, way: 'restarting' },
    { name: 'a prefix', pageSize: 20, interest: { streamPrefixes: ['Hand-'] } },
    { name: 'a rare type', pageSize: 10, interest: { types: [RARE_TYPE] } },
    { name: 'a rare type, restarting', pageSize: 1, interest: { types: [RARE_TYPE] }, way: 'restarting' },
    { name: 'a type that never comes', pageSize: 10, interest: { types: [LAST_TYPE] } },
  ];
  for (const [index, kind] of kinds.entries()) {
    const store = stores[index % 2] ?? stores[0];
    stage.addReader(new MemoryReader({ ...kind, store, random: stage.random.derive(kind.name) }));
  }
}

/** A position in the middle of some events. */
async function firstEvents(stage: Stage, events: number): Promise<number> {
  const start = {
    id: 'first-1',
    entries: [
      { streamName: 'Hot-1', expectedVersion: 'no_stream', types: Array.from({ length: events }, () => 'Opened') },
    ],
    eventIds: undefined,
  } as const;
  stage.history.begin(start);
  const given = start.entries[0].types.map((type, index) => ({ type, data: { attempt: start.id, index } }));
  const { events: stored } = await stage.store.append('Hot-1', given, { expectedVersion: 'no_stream' });
  const answered = stored.map((event) => ({
    id: event.id,
    streamName: event.streamName,
    version: event.streamVersion,
    position: event.globalPosition,
    recordedAt: event.recordedAt.getTime(),
  }));
  stage.history.settle(start.id, { status: 'acknowledged', events: answered });
  return answered[Math.floor(events / 2)]?.position ?? 0;
}

async function write(
  stage: Stage,
  { seconds, cursors }: { readonly seconds: number; readonly cursors: () => readonly number[] },
): Promise<void> {
  const { run, url, random, history: recorder } = stage;
  using limit = new TimeLimit(run.signal, seconds * 1000 + run.patience);
  const { signal } = limit;
  const streams = new Streams();
  const maxHold = Math.min(MAX_HOLD, seconds * 200);
  const stores = [stage.openStore(), stage.openStore()] as const;
  const elsewhere = await run.cluster.createDatabase(`${stage.database}_elsewhere`);
  stage.onClose(() => run.cluster.dropDatabase(`${stage.database}_elsewhere`));
  const work: Promise<unknown>[] = [];
  for (let index = 1; index <= LIBRARY_WRITERS; index += 1) {
    const name = `l${index}`;
    const writer = new LibraryWriter({ name, stores, random: random.derive(name), recorder, streams, maxPause: 4 });
    work.push(writer.run(signal));
  }
  for (let index = 1; index <= HAND_WRITERS; index += 1) {
    const name = `h${index}`;
    const writer = new HandWriter({ name, url, random: random.derive(name), recorder, streams, maxHold });
    work.push(writer.run(signal));
  }
  work.push(lateCommitter({ name: 'c1', url, random: random.derive('c1'), recorder, cursors }, signal));
  for (const place of [url, elsewhere]) {
    work.push(idleWriter({ url: place, random: random.derive(`idle ${place === url}`), maxHold }, signal));
  }
  await pause(seconds * 1000, signal);
  await becomes(() => stage.acknowledged() >= FEWEST_APPENDS, { timeout: run.patience, interval: 20, signal });
  limit.end();
  for (const result of await Promise.allSettled(work)) {
    if (result.status === 'rejected') recorder.unexpected(`a writer ended: ${describeError(result.reason)}`);
  }
}
