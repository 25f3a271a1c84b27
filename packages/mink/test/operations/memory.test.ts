import { describe, expect, test } from 'vitest';
import { createEventStore, createProcessReport, createProjectionEngine } from '../../src/index.ts';
import { createMemoryStorage } from '../../src/memory/index.ts';
import { added, byCart, categories } from '../support/listed-carts.ts';
import { reportRules } from './report-rules.ts';

describe('the report of a process, in memory', () => reportRules(async () => createMemoryStorage()));

test('a process is silent after three intervals, and forgotten after a day', async () => {
  let now = Date.UTC(2026, 0, 1);
  const store = createEventStore(createMemoryStorage({ now: () => now }));
  const report = createProcessReport(store, { name: 'carts', interval: 20_000 });
  await report.start();
  const silence = async () => (await store.operations.processes()).map(({ isSilent }) => isSilent);
  now += 60_000;
  expect(await silence()).toEqual([false]);
  now += 1;
  expect(await silence()).toEqual([true]);
  now += 86_400_000;
  expect(await silence()).toEqual([]);
  await report.close();
  await store.close();
});

test('the history of a checkpoint has the minutes in which it has moved, of the last seven days', async () => {
  const minute = 60_000;
  const begin = Date.UTC(2026, 0, 1);
  let now = begin + 1;
  const store = createEventStore(createMemoryStorage({ now: () => now }), { categories });
  await using engine = createProjectionEngine(store, [byCart]);
  await engine.start();
  const look = (): Promise<void> => engine.resume(byCart);
  const history = async () =>
    (await store.projections.checkpointHistory(byCart)).map(({ at, position }) => [(at - begin) / minute, position]);
  const append = async (): Promise<void> => engine.waitFor(await store.append('Cart-1', [added('a')]));
  await append();
  await look();
  await append();
  await look();
  now += minute;
  await look();
  now += minute;
  await look();
  now += 60 * minute;
  await append();
  await look();
  expect(await history()).toEqual([
    [0, 1],
    [1, 2],
    [62, 3],
  ]);
  now += 7 * 24 * 60 * minute - 30 * minute;
  await append();
  await look();
  expect(await history()).toEqual([
    [62, 3],
    [7 * 24 * 60 + 32, 4],
  ]);
  await engine.close();
  await store.close();
});
