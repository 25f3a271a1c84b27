import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import { expect, test } from 'vitest';
import { appendFunctions, Lost } from '../support/append-functions.ts';
import { checkPlayed } from '../support/check-played.ts';
import { describePostgres, openClient, runSql } from '../support/databases.ts';
import type { Gate } from '../support/gates.ts';
import { seedOf } from '../support/random.ts';
import { everyEnding, everyOrderOfOneStream, randomOrder } from '../support/schedules.ts';
import { openStage } from '../support/stage.ts';

// A writer's steps: to the first of these gates, from each to the next, back from the function, and to its end.
const everyGate: readonly Gate[] = ['read', 'announce', 'draw', 'insert'];
const protocol: readonly Gate[] = ['read', 'announce', 'draw'];

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
      const url = await databases.create();
      const client = await openClient(url);
      await fn.append(client, 'A-1');
      await client.end();
      await using stage = await openStage(url, fn.append, { writers: 1, closed: everyGate });
      await stage.begin([{ streamName: 'A-1', end: 'commit' }]);
      const seen: Record<string, unknown> = {};
      for (const at of ['outside', ...everyGate, 'returned', 'ended'] as const) {
        await stage.stepTo(0, at);
        seen[at] = await holdings(url, stage.writers[0]?.pid);
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

    test(
      'two writers of one stream: the second waits, decides on what the first left, and comes after it',
      { timeout: 180_000 },
      async () => {
        const url = await databases.create();
        await using stage = await openStage(url, fn.append, { writers: 2, closed: protocol });
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
      },
    );

    test('three writers, some of one stream, in random orders', async () => {
      const { seed, random } = seedOf(`schedules of ${fn.name}`);
      await using stage = await openStage(await databases.create(), fn.append, { writers: 3, closed: everyGate });
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
}

/** What a writer of the stream A-1 has come to hold, and the last position drawn. */
async function holdings(url: string, pid: number | undefined): Promise<Readonly<Record<string, unknown>>> {
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
    from pg_locks
    where granted and pid = $1`,
    [pid],
  );
  return { stream: free.length === 0, ...row };
}
