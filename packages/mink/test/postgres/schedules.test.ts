import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import { afterEach, describe, expect, test } from 'vitest';
import { appendFunctions, Lost, type AppendFunction } from '../support/append-functions.ts';
import { describePostgres, lastServer, openClient, runSql, type TestDatabases } from '../support/databases.ts';
import { installGates, type Gate } from '../support/gates.ts';
import { installObservation } from '../support/observation.ts';
import { seedOf } from '../support/random.ts';
import { boundReader, countLosingReads, naiveReader, xminReader } from '../support/schedule-readers.ts';
import { everyEnding, everyOrder, everyOrderOfOneStream, randomOrder, type Plan } from '../support/schedules.ts';
import { openStage, type Played, type Stage, type StageOptions } from '../support/stage.ts';

// A writer's steps: to the first of these gates, from each to the next, back from the function, and to its end.
const everyGate: readonly Gate[] = ['read', 'announce', 'draw', 'insert'];
// What is inserted is seen by nobody before it is committed, so holding a writer there only repeats schedules.
const protocol: readonly Gate[] = ['read', 'announce', 'draw'];

const stages: Stage[] = [];

afterEach(async () => {
  await Promise.all(stages.splice(0).map((stage) => stage.close()));
});

async function build(url: string, { append }: AppendFunction, options: StageOptions): Promise<Stage> {
  await installGates(url);
  await installObservation(url);
  const stage = await openStage(url, append, options);
  stages.push(stage);
  return stage;
}

describePostgres('the bound of the log', (databases) => {
  test('is looked up in order: the floors are seen after the head', async () => {
    const url = await databases.create();
    const [client, reader, late] = [await openClient(url), await openClient(url), await openClient(url)];
    await appendFunctions[0]?.append(client, 'A-1');
    // Whoever reads the sequence now has to wait.
    await client.query('begin; alter sequence mink.global_position rename to held');
    const reading = reader.query('select bound::int, head::int from mink.feed_bound_v1()');
    const waiting = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    await expect.poll(() => runSql(url, waiting).then(({ length }) => length)).toBe(1);
    await late.query('begin; select pg_advisory_xact_lock_shared(mink.floor_namespace() << 48 | 0)');
    await client.query('rollback');
    deepStrictEqual((await reading).rows, [{ bound: 0, head: 1 }]);
    await Promise.all([client, reader, late].map((each) => each.end()));
  });
});

for (const fn of appendFunctions) {
  describePostgres(`the schedules of ${fn.name}`, (databases) => {
    test('at each place it holds the locks that its steps have taken, and no others', async () => {
      await using place = await holdAtPlaces(databases, fn);
      const seen: Record<string, unknown> = {};
      for (const at of ['outside', ...everyGate, 'returned', 'ended'] as const) {
        await place.stage.stepTo(0, at);
        seen[at] = await place.facts();
      }
      const none = { transaction: false, stream: false, floor: null, drawn: 1, events: false };
      const locked = { ...none, transaction: true, stream: true };
      deepStrictEqual(seen, {
        outside: none,
        read: locked,
        announce: locked,
        draw: { ...locked, floor: 1 },
        insert: { ...locked, floor: 1, drawn: 2, events: true },
        returned: { ...locked, floor: 1, drawn: 2, events: true },
        ended: { ...none, drawn: 2 },
      });
    });

    test('two writers of one stream: the second waits, decides on what the first left, and comes after it', async () => {
      const url = await databases.create();
      const stage = await build(url, fn, { writers: 2, closed: protocol });
      const versions = new Map<string, number>();
      const seeds = await openClient(url);
      let schedules = 0;
      for (const { expected, version } of [
        { expected: -1, version: 0 },
        { expected: -1, version: 1 },
        { expected: -2, version: 1 },
        { expected: 0, version: 0 },
        { expected: 1, version: 1 },
      ]) {
        for (const turns of everyOrderOfOneStream(protocol.length + 2)) {
          for (const ends of everyEnding) {
            schedules += 1;
            const streamName = `One-${schedules}`;
            if (version === 1) await fn.append(seeds, streamName);
            versions.set(streamName, version);
            const plans = ends.map((end) => ({ streamName, expected, end }));
            const why = `expected ${expected}, ${ends.join(' and ')}, turns ${turns.join('')}`;
            const played = await stage.play(plans, turns);
            checkPlayed(played, plans, versions, why);
            strictEqual(played.waits, turns.indexOf(1) < turns.lastIndexOf(0) ? 1 : 0, why);
            const second = played.results[1];
            if (expected >= 0 && ends[0] === 'commit') {
              ok(second !== undefined && 'error' in second && second.error instanceof Lost, why);
              deepStrictEqual([second.error.outcome, second.error.version], [1, version + 1], why);
            } else {
              ok(second !== undefined && 'position' in second, why);
            }
          }
        }
      }
      await seeds.end();
      strictEqual(schedules, 5 * 5 * 4);
    });

    test('three writers, some of one stream, in random orders', async () => {
      const { seed, random } = seedOf(`schedules of ${fn.name}`);
      const stage = await build(await databases.create(), fn, { writers: 3, closed: everyGate });
      const versions = new Map<string, number>();
      for (let round = 0; round < 40; round += 1) {
        const loner = Math.floor(random() * 4);
        const plans = [0, 1, 2].map((writer) => ({
          streamName: loner === 3 || writer === loner ? `Lone-${writer}` : `Pair-${round % 8}`,
          expected: random() < 0.3 ? (versions.get(`Pair-${round % 8}`) ?? 0) : -1,
          end: random() < 0.3 ? ('rollback' as const) : ('commit' as const),
        }));
        const turns = randomOrder(3, everyGate.length + 2, random);
        const played = await stage.play(plans, turns);
        checkPlayed(played, plans, versions, `SEED=${seed}, round ${round}`);
      }
    });
  });

  // The same on every server, and long.
  describePostgres(
    `every schedule of two writers by ${fn.name}`,
    (databases) => {
      test('a reader that follows the bound reads each committed event once; broken readers lose some', async () => {
        const stage = await build(await databases.create(), fn, { writers: 2, closed: protocol });
        const versions = new Map<string, number>();
        const losing = { schedules: 0, naive: 0, xmin: 0, floorsBeforeHead: 0, pageBeforeFloors: 0 };
        for (const turns of everyOrder(protocol.length + 2)) {
          for (const ends of everyEnding) {
            losing.schedules += 1;
            // Some streams are new, most are not.
            const plans = ends.map((end, writer) => ({ streamName: `${'AB'[writer]}-${losing.schedules % 90}`, end }));
            const played = await stage.play(plans, turns);
            const committed = checkPlayed(played, plans, versions, `${ends.join(' and ')}, turns ${turns.join('')}`);
            strictEqual(played.waits, 0);
            if (naiveReader(played).length < committed) losing.naive += 1;
            if (xminReader(played).length < committed) losing.xmin += 1;
            if (countLosingReads(played, ['floor', 'head', 'page']) > 0) losing.floorsBeforeHead += 1;
            if (countLosingReads(played, ['head', 'page', 'floor']) > 0) losing.pageBeforeFloors += 1;
          }
        }
        deepStrictEqual(losing, { schedules: 504, naive: 35, xmin: 15, floorsBeforeHead: 378, pageBeforeFloors: 378 });
      });

      describe('control', () => {
        test.each([
          { floor: 'after drawing', closed: protocol, schedules: 126 },
          { floor: 'never', closed: ['read', 'draw'], schedules: 35 },
        ] as const)(
          'a reader that follows the bound loses events of writers that announce their floor $floor',
          async (broken) => {
            const stage = await build(await databases.create(), fn, { writers: 2, ...broken });
            const orders = everyOrder(broken.closed.length + 2);
            let losing = 0;
            for (const turns of orders) {
              const plans = ['A-1', 'B-1'].map((streamName) => ({ streamName, end: 'commit' as const }));
              const played = await stage.play(plans, turns);
              if (boundReader(played).length < 2) losing += 1;
            }
            deepStrictEqual([losing, orders.length], [broken.schedules, broken.schedules], 'it loses in each of them');
          },
        );
      });
    },
    lastServer(),
  );
}

/** Checks what holds after every schedule, and returns how many events were committed. */
function checkPlayed(played: Played, plans: readonly Plan[], versions: Map<string, number>, why: string): number {
  const committed = played.observations.at(-1)?.visible ?? [];
  const acknowledged = plans.flatMap(({ end }, writer) => {
    const result = played.results[writer];
    if (result !== undefined && 'error' in result && !(result.error instanceof Lost)) throw result.error;
    return end === 'commit' && result !== undefined && 'position' in result ? [result.position] : [];
  });
  const positions = committed.map(({ position }) => position);
  deepStrictEqual(
    positions,
    acknowledged.toSorted((left, right) => left - right),
    `what was committed is there: ${why}`,
  );
  for (const { streamName, streamVersion } of committed) {
    const version = (versions.get(streamName) ?? 0) + 1;
    strictEqual(streamVersion, version, `the log goes through the versions of ${streamName} one by one: ${why}`);
    versions.set(streamName, version);
  }
  deepStrictEqual(boundReader(played), committed, `a reader that follows reads every committed event once: ${why}`);
  const losing = countLosingReads(played, ['head', 'floor', 'page']);
  strictEqual(losing, 0, `no reader passes over an event, whenever it looks: ${why}`);
  return committed.length;
}

interface HeldWriter extends AsyncDisposable {
  readonly stage: Stage;
  /** What a writer of a stream at version 1, the only one in the log, has come to hold. */
  facts(): Promise<Readonly<Record<string, unknown>>>;
}

async function holdAtPlaces(databases: TestDatabases, fn: AppendFunction): Promise<HeldWriter> {
  const url = await databases.create();
  const probe = await openClient(url);
  await fn.append(probe, 'A-1');
  const stage = await build(url, fn, { writers: 1, closed: everyGate });
  await stage.begin([{ streamName: 'A-1', end: 'commit' }]);
  return {
    stage,
    facts: async () => {
      const free = await runSql(url, "select from mink.streams where stream_name = 'A-1' for update skip locked");
      const [row] = await runSql(
        url,
        `select
          coalesce(bool_or(locktype = 'transactionid' and mode = 'ExclusiveLock'), false) as transaction,
          min((classid::bigint << 32 | objid::bigint) & (1::bigint << 48) - 1) filter (
            where locktype = 'advisory' and objsubid = 1 and mode = 'ShareLock'
          )::int as floor,
          (select last_value::int from mink.global_position) as drawn,
          coalesce(bool_or(relation = 'mink.events'::regclass and mode = 'RowExclusiveLock'), false) as events
        from pg_locks where granted and pid = $1`,
        [stage.writers[0]?.pid],
      );
      return { stream: free.length === 0, ...row };
    },
    [Symbol.asyncDispose]: () => probe.end(),
  };
}
