import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert';
import { afterEach, describe, expect, test } from 'vitest';
import { types, type Client } from 'pg';
import { createUuidV7Generator, type AppendCommand, type ExpectedVersion } from '../../src/index.ts';
import { createMigrator, createPostgresStore } from '../../src/postgres/index.ts';
import { migrations } from '../../src/postgres/migrations.generated.ts';
import { createAppendQuery, parseAppendAnswers } from '../../src/postgres/queries/append.ts';
import { createAppendOneQuery, parseAppendOneAnswer } from '../../src/postgres/queries/append-one.ts';
import {
  createAppendSimpleQuery,
  inLockOrder,
  parseAppendSimpleAnswers,
} from '../../src/postgres/queries/append-simple.ts';
import { encodeCommand, type AppendAnswer, type EncodedCommand } from '../../src/postgres/queries/encode-command.ts';
import { schemaName } from '../../src/postgres/schema-name.ts';
import type { Statement } from '../../src/postgres/connection.ts';
import { appendFunctions } from '../support/append-functions.ts';
import { describePostgres, openClient, runSql } from '../support/databases.ts';
import { seedOf } from '../support/random.ts';

const asText = { ...types, getTypeParser: () => (value: unknown) => value };
const timeouts = { lock: 0, hold: 0 };

describePostgres('the append functions', (databases) => {
  const clients: Client[] = [];
  const connect = async (url: string): Promise<Client> => {
    const client = await openClient(url);
    clients.push(client);
    return client;
  };
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.end()));
  });

  async function run(client: Client, { text, values }: Statement): Promise<(string | null)[]> {
    const { rows } = await client.query({ text, values: [...values], rowMode: 'array', types: asText });
    return rows[0] ?? [];
  }

  test('the short cuts answer and store what the general function does, for random batches', async () => {
    const { seed, random } = seedOf('append functions');
    const url = await databases.create();
    await using migrator = createMigrator({ url, schema: 'short' });
    await migrator.up();
    const client = await connect(url);
    const [general, short] = [schemaName('mink'), schemaName('short')];
    const byGeneral = createAppendQuery(general);
    const bySimple = createAppendSimpleQuery(short);
    const byOne = createAppendOneQuery(short);
    // U+FB01 sorts after U+1F600 in UTF-16, and before it in the collation "C".
    const names = ['A-1', 'A-2', 'a-1', 'B-\u{1F600}', 'B-\uFB01', 'B-"\'\\{}', 'C-1', 'C-closed', 'D-1', 'E-1', 'F-1'];
    const newId = createUuidV7Generator(() => 0);
    const versions = new Map<string, number>();
    const command = (streamName: string): EncodedCommand => {
      const version = versions.get(streamName) ?? 0;
      const expectations: readonly ExpectedVersion[] = [
        'any',
        'any',
        'no_stream',
        'stream_exists',
        version,
        version + 1,
      ];
      const append: AppendCommand = {
        mayBeRepeated: false,
        entries: [
          {
            streamName,
            category: streamName.slice(0, streamName.indexOf('-')),
            expectedVersion: expectations[Math.floor(random() * expectations.length)] ?? 'any',
            events: Array.from({ length: random() < 0.6 ? 1 : 1 + Math.floor(random() * 4) }, () => ({
              id: newId(),
              type: `Type"${Math.floor(random() * 3)}`,
              schemaVersion: 1 + Math.floor(random() * 3),
              data: { n: random(), text: 'a "quoted" \\ {text}, ä 😀' },
              metadata: random() < 0.5 ? {} : { tenantId: 't-1' },
              hasNegativeZero: false,
            })),
          },
        ],
      };
      return encodeCommand(append);
    };
    for (let round = 0; round < 150; round += 1) {
      if (round === 60) {
        for (const schema of ['mink', 'short']) {
          await client.query(`update ${schema}.streams set state = 'archived' where stream_name = 'C-closed'`);
        }
      }
      const commands = names.filter(() => random() < 0.4).map(command);
      if (commands.length === 0) continue;
      const sorted = random() < 0.8 ? inLockOrder(commands) : commands;
      const [only] = sorted;
      const expected = parseAppendAnswers(sorted, await run(client, byGeneral(sorted, timeouts)));
      let actual: readonly AppendAnswer[];
      if (sorted.length === 1 && only?.texts.length === 1) {
        actual = [parseAppendOneAnswer(only, await run(client, byOne(only, timeouts)))];
      } else {
        actual = parseAppendSimpleAnswers(sorted, await run(client, bySimple(sorted, timeouts)));
      }
      const comparable = (answers: readonly AppendAnswer[]): readonly unknown[] =>
        answers.map(({ outcome, culprit, versions: at, positions }) =>
          outcome === 'appended' ? { outcome, at, positions } : { outcome, at, culprit: culprit?.streamName },
        );
      deepStrictEqual(comparable(actual), comparable(expected), `round ${round}, SEED=${seed}`);
      for (const [
        index,
        {
          names: [name = ''],
          texts,
        },
      ] of sorted.entries()) {
        if (actual[index]?.outcome === 'appended') versions.set(name, (versions.get(name) ?? 0) + texts.length);
        else if (name !== 'C-closed') strictEqual(actual[index]?.versions[0], versions.get(name) ?? 0);
      }
    }
    const dump = (schema: string): Promise<readonly Record<string, unknown>[]> =>
      runSql(url, `select to_jsonb(e) - 'recorded_at' as event from ${schema}.events e order by e.global_position`);
    const stored = await dump('short');
    ok(stored.length > 200, `only ${stored.length} events`);
    deepStrictEqual(stored, await dump('mink'), `SEED=${seed}`);
    const streams = (schema: string): Promise<readonly Record<string, unknown>[]> =>
      runSql(url, `select stream_name, category, version, partition_key, state from ${schema}.streams order by 1`);
    deepStrictEqual(await streams('short'), await streams('mink'));
  });

  for (const { name, append } of appendFunctions) {
    describe(name, () => {
      test('answers with the version a stream is at, and leaves nothing of a loser', async () => {
        const url = await databases.create();
        const client = await connect(url);
        for (const expected of [1, 5, -2]) {
          await rejects(append(client, 'Missing-1', expected), { outcome: 1, version: 0 });
        }
        deepStrictEqual(await runSql(url, 'select 1 from mink.streams'), []);
        await append(client, 'Note-1', 0);
        await append(client, 'Note-1', 1);
        await append(client, 'Note-1', -2);
        await append(client, 'Note-1', -1);
        for (const expected of [0, 3, 5]) {
          await rejects(append(client, 'Note-1', expected), { outcome: 1, version: 4 });
        }
        await runSql(url, "update mink.streams set state = 'tombstoned'");
        for (const expected of [0, 4, -1, -2]) {
          await rejects(append(client, 'Note-1', expected), { outcome: 4, version: 4 });
        }
        const [sequence] = await runSql(url, 'select last_value from mink.global_position');
        strictEqual(Number(sequence?.['last_value']), 4, 'losers draw no position');
        deepStrictEqual(await runSql(url, 'select stream_name, version::int from mink.streams'), [
          { stream_name: 'Note-1', version: 4 },
        ]);
      });

      test('of two that require a stream to be missing, or to be at one version, the later one waits and loses', async () => {
        const url = await databases.create();
        const [first, second] = [await connect(url), await connect(url)];
        for (const expected of [0, 1]) {
          await first.query('begin');
          await append(first, 'Race-1', expected);
          const waiting = append(second, 'Race-1', expected);
          const lost = rejects(waiting, { outcome: 1, version: expected + 1 });
          await untilBlocked(url);
          await first.query('commit');
          await lost;
        }
      });

      test('the later one wins when the first is rolled back', async () => {
        const url = await databases.create();
        const [first, second] = [await connect(url), await connect(url)];
        for (const expected of [0, 1, -1, -2]) {
          await first.query('begin');
          await append(first, 'Race-1', expected);
          const waiting = append(second, 'Race-1', expected);
          await untilBlocked(url);
          await first.query('rollback');
          await waiting;
        }
        const log = await runSql(url, 'select stream_version::int v from mink.events order by global_position');
        deepStrictEqual(log, [{ v: 1 }, { v: 2 }, { v: 3 }, { v: 4 }]);
      });

      test('needs READ COMMITTED, and a log below 2^48', async () => {
        const url = await databases.create();
        const client = await connect(url);
        await client.query('begin isolation level repeatable read');
        await rejects(append(client, 'Note-1'), { code: 'MK003' });
        await client.query('rollback');
        await client.query("select setval('mink.global_position', 1::bigint << 48)");
        await rejects(append(client, 'Note-1'), { code: 'MK004' });
      });

      test('gives up on a stream that somebody holds after the time it was told', async () => {
        const url = await databases.create();
        const [holder, client] = [await connect(url), await connect(url)];
        await append(client, 'Held-1');
        await holder.query('begin');
        await append(holder, 'Held-1');
        await client.query("set lock_timeout = '20ms'");
        await rejects(append(client, 'Held-1'), { code: '55P03' });
        await rejects(append(client, 'Held-1', 1), { code: '55P03' });
      });
    });
  }

  test('calls that lock the same streams in different orders do not deadlock', async () => {
    const url = await databases.create();
    await using left = createPostgresStore({ url });
    await using right = createPostgresStore({ url });
    const note = { type: 'Note', data: null };
    const names = Array.from({ length: 12 }, (_, n) => `S-${n}`);
    await Promise.all(
      Array.from({ length: 40 }, (_, round) => {
        const turned = [...names.slice(round % 12), ...names.slice(0, round % 12)];
        const alone = turned.map((name) => (round % 2 === 0 ? left : right).append(name, [note]));
        const together = (round % 2 === 0 ? right : left).appendMany(
          turned.slice(0, 4).map((streamName) => ({ streamName, events: [note] })),
        );
        return Promise.all([...alone, together]);
      }),
    );
    const [row] = await runSql(
      url,
      'select deadlocks::int as deadlocks from pg_stat_database where datname = current_database()',
    );
    strictEqual(row?.['deadlocks'], 0);
    strictEqual((await left.readAll().toArray()).length, 40 * (12 + 4));
  });

  test('wrong calls of the batch are refused instead of stored', async () => {
    const url = await databases.create();
    const call = (change: Readonly<Record<string, string>>): string => {
      const all = {
        names: "array['A-1', 'A-2']",
        categories: "array['A', 'A']",
        partitions: 'array[0, 0]',
        expected: 'array[-1, -1]',
        counts: 'array[1, 2]',
        ids: 'array[gen_random_uuid(), gen_random_uuid(), gen_random_uuid()]',
        types: "array['T', 'T', 'T']",
        versions: 'array[1, 1, 1]',
        tenants: "array['', '', '']",
        data: "array['1', '2', '3']",
        metadata: "array['{}', '{}', '{}']",
        ...change,
      };
      return `select mink.append_simple_v1(${all.names}::text[], ${all.categories}::text[], ${all.partitions}::smallint[],
        ${all.expected}::bigint[], ${all.counts}::int[], ${all.ids}::uuid[], ${all.types}::text[], ${all.versions}::int[],
        ${all.tenants}::text[], ${all.data}::json[], ${all.metadata}::json[], 0, 0)`;
    };
    for (const change of [
      { names: "array['A-1']" },
      { categories: 'array[]' },
      { expected: 'array[null, -1]' },
      { counts: 'array[1, 1]' },
      { counts: 'array[3, 0]' },
      { counts: 'array[4, -1]' },
      { counts: 'array[null, 3]' },
      { counts: 'null' },
      { ids: 'array[gen_random_uuid()]' },
      { ids: 'null' },
      { data: "array['1', '2']" },
      { metadata: 'null' },
    ]) {
      await rejects(runSql(url, call(change)), { code: 'MK006' }, JSON.stringify(change));
    }
    await rejects(runSql(url, call({ names: "array['A-1', 'A-1']" })), { code: '21000' });
    await rejects(runSql(url, call({ names: "array['A-1', null]" })), { code: '23502' });
    await rejects(runSql(url, call({ ids: 'array[gen_random_uuid(), null, gen_random_uuid()]' })), { code: '23502' });
    deepStrictEqual(await runSql(url, 'select 1 from mink.streams'), []);
    await runSql(url, call({}));
    deepStrictEqual(await runSql(url, 'select stream_name n, version::int v from mink.streams order by 1'), [
      { n: 'A-1', v: 1 },
      { n: 'A-2', v: 2 },
    ]);
  });

  test('a stream that changes while it is looked at makes a call that is sent again', async () => {
    const url = await databases.create();
    await using store = createPostgresStore({ url });
    await store.append('Note-1', [{ type: 'Noted', data: 1 }]);
    // The first update of this stream finds nothing, as if the snapshot were from before the stream was made.
    await runSql(
      url,
      `create sequence public.tries;
      create function blind() returns trigger language plpgsql as $$ begin
        if new.stream_name = 'Note-1' and nextval('public.tries') = 1 then return null; end if;
        return new;
      end $$;
      create trigger blind before update on mink.streams for each row execute function blind()`,
    );
    strictEqual((await store.append('Note-1', [{ type: 'Noted', data: 2 }], { expectedVersion: 1 })).streamVersion, 2);
    const [row] = await runSql(url, 'select last_value::int as tries from tries');
    strictEqual(row?.['tries'], 2);
  });

  test('code from before appends beside this one, in a database that was made by it', async () => {
    const url = await databases.createEmpty();
    const [first, ...later] = migrations;
    const client = await connect(url);
    await client.query(`create schema mink; create table mink.migrations (version int primary key, name text not null,
      min_compatible_code int not null, applied_at timestamptz not null default clock_timestamp())`);
    await client.query((first?.sql ?? '').replaceAll(':schema', 'mink'));
    await client.query("insert into mink.migrations (version, name, min_compatible_code) values (1, 'event_store', 1)");
    const [old] = appendFunctions;
    await old?.append(client, 'Note-1', 0);
    await using store = createPostgresStore({ url });
    strictEqual((await store.append('Note-1', [{ type: 'Noted', data: 1 }], { expectedVersion: 1 })).streamVersion, 2);
    await old?.append(client, 'Note-1', 2);
    strictEqual((await store.readAll().toArray()).length, 3);
    const rows = await runSql(url, 'select count(*)::int as count from mink.migrations');
    deepStrictEqual(rows, [{ count: 1 + later.length }]);
  });

  async function untilBlocked(url: string): Promise<void> {
    const blocked = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    await expect.poll(() => runSql(url, blocked).then(({ length }) => length)).toBeGreaterThan(0);
  }
});
