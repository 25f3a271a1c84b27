import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import { randomUUID } from 'node:crypto';
import { test } from 'vitest';
import { DatabaseError, type Client } from 'pg';
import { appendEntries, appendFunctions, Lost } from '../support/append-functions.ts';
import { describePostgres, openClient, runSql, type TestDatabases } from '../support/databases.ts';
import { openStage, type Stage } from '../support/stage.ts';

type Call = (client: Client) => Promise<number>;

/** Two writers that meet; the second has found its streams, and has not read their versions, when the first comes. */
interface Meeting {
  readonly rule: string;
  readonly first: Call;
  readonly second: Call;
  /** What becomes of the second. */
  readonly locked: string;
  /** What would become of it if it read the versions without a lock. */
  readonly unlocked: string;
}

const one = (expected: number): Call => append({ 'One-1': expected });
const retryIds = ['00000000-0000-7000-8000-000000000001'];

const meetings: readonly Meeting[] = [
  {
    rule: 'two that expect the same version',
    first: one(1),
    second: one(1),
    locked: 'lost with outcome 1 at version 2',
    unlocked: 'error 23505 events_stream_version',
  },
  {
    rule: 'two that expect nothing',
    first: one(-1),
    second: one(-1),
    locked: 'won',
    unlocked: 'error 23505 events_stream_version',
  },
  {
    rule: 'an append and its repetition',
    first: append({ 'One-1': -1 }, [], retryIds),
    second: append({ 'One-1': -1 }, [], retryIds),
    locked: 'lost with outcome 2 at version 2',
    unlocked: 'error 23505 events_stream_version',
  },
  {
    rule: 'two that expect the stream of the other to stay as it is',
    first: append({ 'One-1': 1, 'Other-1': 1 }, ['Other-1']),
    second: append({ 'One-1': 1, 'Other-1': 1 }, ['One-1']),
    locked: 'lost with outcome 1 at version 2',
    unlocked: 'won',
  },
  {
    rule: 'an append and somebody who closes the stream',
    first: async (client) => {
      await client.query("update mink.streams set state = 'archived' where stream_name = 'One-1'");
      return 0;
    },
    second: one(-1),
    locked: 'lost with outcome 4 at version 1',
    unlocked: 'won',
  },
];

/** What a short function answers when somebody raises the version after it has taken its snapshot. */
const changes = [
  { name: 'append_one_v1', before: 0, expected: 0, answer: 'lost with outcome 1 at version 1' },
  { name: 'append_one_v1', before: 0, expected: 1, answer: 'error 40001' },
  { name: 'append_one_v1', before: 0, expected: -1, answer: 'won' },
  { name: 'append_one_v1', before: 0, expected: -2, answer: 'error 40001' },
  { name: 'append_one_v1', before: 1, expected: 1, answer: 'lost with outcome 1 at version 2' },
  { name: 'append_one_v1', before: 1, expected: 2, answer: 'error 40001' },
  { name: 'append_simple_v1', before: 0, expected: 0, answer: 'lost with outcome 1 at version 1' },
  { name: 'append_simple_v1', before: 0, expected: 1, answer: 'error 40001' },
  { name: 'append_simple_v1', before: 0, expected: -1, answer: 'won' },
  { name: 'append_simple_v1', before: 0, expected: -2, answer: 'error 40001' },
  { name: 'append_simple_v1', before: 1, expected: 1, answer: 'lost with outcome 1 at version 2' },
  // It decides on the row that it finds, which is the latest.
  { name: 'append_simple_v1', before: 1, expected: 2, answer: 'won' },
];

describePostgres('the lock of a stream', (databases) => {
  for (const { rule, first, second, locked, unlocked } of meetings) {
    const plans = [first, second].map((call) => ({ streamName: 'One-1', call, end: 'commit' as const }));

    test(`${rule}: the second waits for the first, and then decides`, async () => {
      await using stage = await open(await withTwoStreams(databases), true);
      strictEqual(await meet(stage, plans, 'moving'), locked);
    });

    test(`${rule}: control, a lock that is not taken before the versions are read is missed`, async () => {
      const url = await withTwoStreams(databases);
      await takeNoLock(url);
      await using stage = await open(url, false);
      strictEqual(await meet(stage, plans, 'update'), unlocked);
    });
  }

  test('control: without the lock and the unique index, two win the same version', async () => {
    const url = await withTwoStreams(databases);
    await takeNoLock(url);
    await runSql(url, 'alter table mink.events drop constraint events_stream_version');
    await using stage = await open(url, false);
    const plan = { streamName: 'One-1', call: one(1), end: 'commit' as const };
    strictEqual(await meet(stage, [plan, plan], 'update'), 'won');
    const versions =
      "select stream_version::int v from mink.events where stream_name = 'One-1' order by global_position";
    deepStrictEqual(await runSql(url, versions), [{ v: 1 }, { v: 2 }, { v: 2 }]);
  });

  test('a writer of a stream that is being made waits before it has found it, lock or no lock', async () => {
    for (const change of [() => undefined, takeNoLock]) {
      const url = await withTwoStreams(databases);
      await change(url);
      await using stage = await open(url, true);
      const plan = { streamName: 'New-1', call: append({ 'New-1': 0 }), end: 'commit' as const };
      await stage.begin([plan, plan]);
      await stage.stepTo(0, 'returned');
      await stage.step(1);
      strictEqual(stage.writers[1]?.place, 'moving', 'it waits inside the insert of missing rows');
      await stage.step(0);
      await stage.stepTo(1, 'returned');
      strictEqual(outcomeOf(stage, 1), 'lost with outcome 1 at version 1');
    }
  });

  test('a writer whose empty row is swept while it waits starts over, and makes the stream', async () => {
    const url = await withTwoStreams(databases);
    await runSql(
      url,
      `insert into mink.streams (stream_name, category, partition_key, version, created_at, last_recorded_at)
      values ('Empty-1', 'Empty', 0, 0, '-infinity', '-infinity')`,
    );
    await using stage = await open(url, true);
    const sweeping = append({ 'Empty-1': 0, 'One-1': 1 }, ['Empty-1']);
    const plans = [sweeping, append({ 'Empty-1': 0 })].map((call) => ({
      streamName: 'Empty-1',
      call,
      end: 'commit' as const,
    }));
    strictEqual(await meet(stage, plans, 'moving'), 'won');
    deepStrictEqual(await runSql(url, "select version::int v from mink.streams where stream_name = 'Empty-1'"), [
      { v: 1 },
    ]);
  });

  for (const { name, before, expected, answer } of changes) {
    test(`${name}, which expects ${expected} when its snapshot has ${before}: ${answer}`, async () => {
      const url = await withTwoStreams(databases);
      const fn = appendFunctions.find((candidate) => candidate.name === name);
      ok(fn !== undefined);
      const streamName = before === 0 ? 'New-1' : 'One-1';
      await using stage = await open(url, true);
      await stage.begin([
        { streamName, call: (client) => fn.append(client, streamName, expected), end: 'commit' },
        { streamName: 'Unused-1', end: 'rollback' },
      ]);
      await stage.stepTo(0, 'update');
      const other = await openClient(url);
      await fn.append(other, streamName, before);
      await other.end();
      await stage.stepTo(0, 'returned');
      strictEqual(outcomeOf(stage, 0), answer);
      await stage.step(0);
      const drawn = await runSql(url, 'select last_value::int - 2 as drawn from mink.global_position');
      deepStrictEqual(drawn, [{ drawn: answer === 'won' ? 2 : 1 }], 'who does not win draws no position');
    });
  }
});

function open(url: string, streamsLock: boolean): Promise<Stage> {
  return openStage(url, one(-1), { writers: 2, closed: ['rows', 'update'], streamsLock });
}

/** One command of the general function: an event for each of the streams, but for those that are only checked. */
function append(
  expected: Readonly<Record<string, number>>,
  checked: readonly string[] = [],
  ids?: readonly string[],
): Call {
  return (client) => {
    const entries = Object.entries(expected).map(([streamName, version]) => ({
      streamName,
      expected: version,
      ids: checked.includes(streamName) ? [] : (ids ?? [randomUUID()]),
    }));
    return appendEntries(client, entries, ids !== undefined);
  };
}

/** A database with two streams at version 1. */
async function withTwoStreams(databases: TestDatabases): Promise<string> {
  const url = await databases.create();
  const client = await openClient(url);
  await append({ 'One-1': 0, 'Other-1': 0 })(client);
  await client.end();
  return url;
}

/** Makes append_v1 read the versions of its streams without locking them. */
async function takeNoLock(url: string): Promise<void> {
  const oid = "'mink.append_v1'::regproc";
  const [row] = await runSql(url, `select pg_get_functiondef(${oid}) as definition`);
  const definition = String(row?.['definition']);
  const unlocked = definition.replace('for update of t', '');
  ok(unlocked !== definition);
  await runSql(url, unlocked);
}

/** Lets the first come between the statement with which the second finds its streams and the one that reads their versions. */
async function meet(stage: Stage, plans: Parameters<Stage['begin']>[0], secondGoesTo: string): Promise<string> {
  await stage.begin(plans);
  await stage.stepTo(1, 'rows');
  await stage.stepTo(0, 'returned');
  await stage.step(1);
  strictEqual(stage.writers[1]?.place, secondGoesTo);
  strictEqual(outcomeOf(stage, 0), 'won');
  await stage.step(0);
  await stage.stepTo(1, 'returned');
  const outcome = outcomeOf(stage, 1);
  await stage.step(1);
  return outcome;
}

function outcomeOf(stage: Stage, writer: number): string {
  const result = stage.writers[writer]?.result;
  if (result === undefined) return 'nothing';
  if ('position' in result) return 'won';
  const { error } = result;
  if (error instanceof Lost) return error.message;
  if (error instanceof DatabaseError) return ['error', error.code, error.constraint].filter(Boolean).join(' ');
  throw error;
}
