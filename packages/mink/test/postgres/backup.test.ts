import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert';
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { z } from 'zod';
import {
  BackupBrokenError,
  createCommandBus,
  createProjectionEngine,
  deciderHandlers,
  defineCommands,
  defineDecider,
  defineEvents,
  defineProjection,
  documents,
  payload,
  recommendedPipeline,
  RestoreRefusedError,
  type AuditEntry,
} from '../../src/index.ts';
import {
  createBackup,
  createPostgresStore,
  restoreBackup,
  sealStore,
  verifyStore,
  type BackupOptions,
  type RestoreOptions,
} from '../../src/postgres/index.ts';
import { describePostgres, openClient, runSql } from '../support/databases.ts';

const events = defineEvents(
  { Registered: z.object({ email: z.string() }), Noted: payload<unknown>() },
  { unique: { email: (event) => (event.type === 'Registered' ? event.data.email : undefined) } },
);
const commands = defineCommands({ Register: payload<{ id: string; email: string }>() });
const user = defineDecider({
  category: 'User',
  events,
  initialState: () => ({}),
  evolve: (state) => state,
  decide: ({ data }: { type: 'Register'; data: { email: string } }) => events.Registered({ email: data.email }),
});
const users = defineProjection({
  name: 'users',
  events: { User: events },
  readModel: documents<{ events: number }>(),
}).on({
  Registered: (row) => ({ events: (row?.events ?? 0) + 1 }),
  Noted: (row) => ({ events: (row?.events ?? 0) + 1 }),
});

const action: AuditEntry = {
  kind: 'action',
  type: 'projections.reset',
  id: 'a-1',
  at: new Date(0),
  userId: 'ann',
  tenantId: undefined,
  correlationId: undefined,
  status: 'succeeded',
  errorCode: undefined,
  streamName: undefined,
  streamVersion: undefined,
};

const open = (url: string, schema = 'mink') => createPostgresStore({ url, schema, categories: { User: events } });
const note = (value: unknown) => events.Noted(value);

async function backup(url: string, options: Partial<BackupOptions> = {}): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of createBackup({ url, ...options })) lines.push(line);
  return lines;
}

async function* from(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines;
}

const restore = (url: string, lines: readonly string[], options: Partial<RestoreOptions> = {}) =>
  restoreBackup({ url, schema: 'copy', ...options }, from(lines));

/** Everything that a backup has to bring back, as text. */
async function contents(url: string, schema: string, upTo = Number.MAX_SAFE_INTEGER): Promise<object> {
  const read = (sql: string, values: unknown[] = []) => runSql(url, sql.replaceAll('SCHEMA', `"${schema}"`), values);
  return {
    events: await read('select e::text from SCHEMA.events e where global_position <= $1 order by global_position', [
      upTo,
    ]),
    streams: await read(
      'select stream_name, version, state, partition_key, category, created_at, last_recorded_at from SCHEMA.streams order by 1',
    ),
    claims: await read('select c::text from SCHEMA.claims c order by set_name, value'),
    idempotency: await read('select i::text from SCHEMA.idempotency i order by key'),
    shapes: await read('select s::text from SCHEMA.event_shapes s order by category, type, schema_version, hash'),
    audit: await read('select a::text from SCHEMA.audit_log a order by id'),
    store: await read('select store_id from SCHEMA.meta'),
    last: await read('select last_value from SCHEMA.global_position'),
  };
}

/** A store with a bit of everything. */
async function filled(url: string): Promise<void> {
  const store = open(url);
  const bus = createCommandBus(store, {
    handlers: [deciderHandlers(commands, user, { id: ({ data }) => data.id })],
    middleware: recommendedPipeline({ audit: { write: store.operations.audit.write, onLost: () => undefined } }),
  });
  for (let n = 0; n < 30; n += 1) {
    await bus.dispatch({ ...commands.Register({ id: `u${n}`, email: `u${n}@example.com` }), id: `register-${n}` });
  }
  await bus
    .dispatch({ ...commands.Register({ id: 'u99', email: 'u1@example.com' }), id: 'taken' })
    .catch(() => undefined);
  const details = { text: 'é\n\u0000\uD800"\\' };
  await store.operations.audit.write({ ...action, details });
  for (const value of [-0, 1e300, 'é\n\u2028"\\', { a: [null, true, { __proto__: 1 }] }, '\u{1F600}', '\uD800']) {
    await store.append('User-odd', [note(value)], { metadata: { tenantId: 'acme', userId: '"quoted"' } });
  }
  await store.appendMany([
    { streamName: 'User-a', events: [note(1), note(2)] },
    { streamName: 'User-b', events: [note(3)] },
  ]);
  await store.close();
  // Written by other programs, with what JSON allows and JavaScript does not write.
  await runSql(
    url,
    `select mink.append_v1(array[1], array['User-sql'], array['User'], array[0::smallint], array[-1::bigint], array[1], array[false],
      array[1], array[gen_random_uuid()], array['Noted'], array[1], array[''],
      array[E'{ "a":\\n 12345678901234567890.5 }'::json], array['{}'::json], 0, 0)`,
  );
  await runSql(url, `update mink.streams set state = 'archived' where stream_name = 'User-b'`);
  // Positions that nobody uses.
  await runSql(url, `select nextval('mink.global_position') from generate_series(1, 5)`);
}

describePostgres('a backup', (databases) => {
  test('restored is the same store: it is read and appended to as before', async () => {
    const url = await databases.create();
    await filled(url);
    const lines = await backup(url);
    const restored = await restore(url, lines);
    expect(restored).toMatchObject({ events: 30 + 6 + 3 + 1, skipped: 0, isPartial: false });
    deepStrictEqual(await contents(url, 'copy'), await contents(url, 'mink'));
    const [before, after] = [open(url), open(url, 'copy')];
    deepStrictEqual(await after.readAll().toArray(), await before.readAll().toArray());
    const appended = await after.append('User-odd', [note('new')]);
    ok(appended.globalPosition > 40 + 5);
    strictEqual(appended.streamVersion, 7);
    // The value belongs to somebody, and the result of a command is known.
    await rejects(after.append('User-x', [events.Registered({ email: 'u1@example.com' })]), {
      code: 'UNIQUE_VALUE_TAKEN',
    });
    await rejects(after.append('User-b', [note(1)]), { code: 'STREAM_CLOSED' });
    await using engine = createProjectionEngine(after, [users]);
    await engine.catchUp();
    expect(await after.projections.verify(users)).toMatchObject({ ok: true, events: 41 });
    await before.close();
    await after.close();
  });

  test('of a schema that is older says so, and so does its seal', async () => {
    const url = await databases.createEmpty();
    await rejects(backup(url), { code: 'SCHEMA_VERSION' });
    await rejects(sealStore({ url }), { code: 'SCHEMA_VERSION' });
  });

  test('of an empty store, and one without any line behind its position, are backups, too', async () => {
    const url = await databases.create();
    const lines = await backup(url);
    strictEqual(lines.length, 2);
    expect(await restore(url, lines)).toEqual({ events: 0, skipped: 0, position: 0, isPartial: false });
    await filled(url);
    const [header = ''] = await backup(url);
    const { upTo }: { upTo: number } = JSON.parse(header);
    strictEqual((await backup(url, { after: upTo })).filter((line) => line.startsWith('[')).length, 0);
    await rejects(backup(url, { after: upTo + 1 }), { code: 'INVALID_ARGUMENT' });
  });

  test('goes on where the one before has ended, in this order only', async () => {
    const url = await databases.create();
    await filled(url);
    const first = await backup(url);
    const { upTo }: { upTo: number } = JSON.parse(first[0] ?? '');
    const store = open(url);
    await store.append('User-a', [note('later')]);
    await store.append('User-new', [events.Registered({ email: 'new@example.com' })]);
    await store.close();
    const second = await backup(url, { after: upTo });
    await rejects(restore(url, second), /comes after position/u);
    await restore(url, first);
    expect(await restore(url, second)).toMatchObject({ events: 2, skipped: 0 });
    deepStrictEqual(await contents(url, 'copy'), await contents(url, 'mink'));
    // Again, nothing happens; an older one is refused.
    expect(await restore(url, second)).toMatchObject({ events: 0, skipped: 2 });
    await rejects(restore(url, first), RestoreRefusedError);
    const other = await databases.createEmpty();
    await filled(other);
    await rejects(restore(url, await backup(other)), /of another store/u);
  });

  test('taken while others append is of one moment, and keeps nobody waiting for long', async () => {
    const url = await databases.create();
    const store = open(url);
    const over = new AbortController();
    const longest = { wait: 0 };
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let n = 0; !over.signal.aborted; n += 1) {
        const begun = performance.now();
        await store.append(`User-${writer}-${n}`, [events.Registered({ email: `${writer}-${n}@example.com` })]);
        longest.wait = Math.max(longest.wait, performance.now() - begun);
      }
    });
    for (let taken = 0; taken < 5; taken += 1) {
      await expect.poll(async () => (await store.readBound()).position).toBeGreaterThan(taken * 50);
      const lines = await backup(url);
      const { upTo }: { upTo: number } = JSON.parse(lines[0] ?? '');
      const schema = `copy${taken}`;
      await restore(url, lines, { schema });
      const copied = await runSql(url, `select e::text from "${schema}".events e order by global_position`);
      const original = await runSql(url, 'select e::text from mink.events e where global_position <= $1 order by 1', [
        upTo,
      ]);
      strictEqual(copied.length, original.length);
      deepStrictEqual(new Set(copied.map((row) => row['e'])), new Set(original.map((row) => row['e'])));
      const [claims] = await runSql(url, `select count(*)::int as n from "${schema}".claims`);
      strictEqual(claims?.['n'], copied.length);
    }
    over.abort();
    await Promise.all(writers);
    await store.close();
    // A lock that waited longer would have been given up.
    ok(longest.wait < 5_000);
  });

  test('waits for lines of the audit log that are under way, and for those only', async () => {
    const url = await databases.create();
    await using store = open(url);
    await store.append('User-a', [note(1)]);
    const slow = await openClient(url);
    await slow.query('begin');
    await slow.query(
      `insert into mink.audit_log (at, log_position, kind, type, message_id, status) values (now(), 1, 'action', 'a', 'slow', 'failed')`,
    );
    await store.append('User-a', [note(2)]);
    const taking = backup(url);
    const isWaiting = () =>
      runSql(url, `select from pg_locks where mode = 'ExclusiveLock' and relation = 'mink.streams'::regclass`);
    await expect.poll(async () => (await isWaiting()).length).toBe(1);
    // Who comes later does not wait.
    await store.operations.audit.write({ ...action, id: 'quick' });
    await slow.query('commit');
    await slow.end();
    const audit = (await taking).filter((line) => line.startsWith('{"table":"audit_log"'));
    expect(audit.map((line) => JSON.parse(line).row.message_id)).toEqual(['slow', 'quick']);
  });

  test('leaves seals that reach further than its own', async () => {
    const url = await databases.create();
    await using store = open(url);
    await store.append('User-a', [note(1)]);
    const unsealed = await backup(url);
    await sealStore({ url });
    const one = await backup(url);
    await store.append('User-a', [note(2)]);
    await sealStore({ url });
    const upTo = async () =>
      (await runSql(url, 'select up_to::int from copy.seals order by number')).map((row) => row['up_to']);
    await restore(url, unsealed);
    const { receipt = '' } = await sealStore({ url, schema: 'copy' });
    for (const lines of [unsealed, one]) {
      await restore(url, lines);
      expect(await upTo()).toEqual([1]);
    }
    await restore(url, await backup(url));
    expect(await upTo()).toEqual([1, 2]);
    expect(await verifyStore({ url, schema: 'copy', receipts: [receipt] })).toMatchObject({ ok: true, sealedUpTo: 2 });
  });

  test('has the audit log: all of it in the end, whatever of it is in which increment, and up to a moment', async () => {
    const url = await databases.create();
    const store = open(url);
    const write = (id: string) => store.operations.audit.write({ ...action, id });
    const ids = async (of: typeof store) => (await of.operations.audit.list()).map(({ messageId }) => messageId);
    await write('before');
    await store.append('User-1', [note(1)]);
    for (let n = 0; n < 1_100; n += 1) void write(`many-${n}`);
    await write('at the end of the first');
    const first = await backup(url);
    await write('right after the first');
    await store.append('User-1', [note(2)]);
    await write('last');
    const second = await backup(url, { after: 1 });
    const copy = open(url, 'copy');
    await copy.operations.audit.write({ ...action, id: 'of an empty store' });
    await restore(url, first);
    expect(await ids(copy)).not.toContain('right after the first');
    // It has the number of a line that is still to come.
    await copy.operations.audit.write({ ...action, id: 'of the copy' });
    await restore(url, second);
    expect(await copy.operations.audit.list({ limit: 2_000 })).toEqual(
      await store.operations.audit.list({ limit: 2_000 }),
    );
    await copy.operations.audit.write({ ...action, id: 'new' });
    expect((await ids(copy)).slice(0, 2)).toEqual(['new', 'last']);
    await restore(url, await backup(url), { schema: 'earlier', untilPosition: 1 });
    const earlier = open(url, 'earlier');
    expect((await ids(earlier))[0]).toBe('right after the first');
    await Promise.all([store.close(), copy.close(), earlier.close()]);
  });

  test('of the format before is restored, and of one after refused', async () => {
    const url = await databases.create();
    await filled(url);
    const lines = (await backup(url)).filter((line) => !line.startsWith('{"table":"audit_log"'));
    const as = (format: number): string[] => {
      const hash = createHash('sha256');
      return lines.map((line, index) => {
        if (line.startsWith('{"sum"')) return JSON.stringify({ sum: hash.copy().digest('hex') });
        const end = /^\{"end":true,"events":(\d+),"rows":\d+/u.exec(line);
        if (end !== null) {
          const rows = lines.filter((it) => it.startsWith('{"table"')).length;
          return JSON.stringify({ end: true, events: Number(end[1]), rows, sum: hash.copy().digest('hex') });
        }
        const changed = index === 0 ? line.replace('"format":2', `"format":${format}`) : line;
        hash.update(`${changed}\n`);
        return changed;
      });
    };
    expect(await restore(url, as(1))).toMatchObject({ isPartial: false });
    const { audit: _copied, ...copied } = Object(await contents(url, 'copy'));
    const { audit: _original, ...original } = Object(await contents(url, 'mink'));
    deepStrictEqual(copied, original);
    await rejects(restore(url, as(3), { schema: 'newer' }), { code: 'BACKUP_BROKEN', message: /format 2/u });
  });

  test('is remembered by its store when it was written to its end, and not before', async () => {
    const url = await databases.create();
    await filled(url);
    for await (const line of createBackup({ url })) if (line.startsWith('[')) break;
    const recorded = () => runSql(url, 'select after_position, up_to_position, events from mink.backups order by id');
    expect(await recorded()).toEqual([]);
    await backup(url, { isRecorded: false });
    expect(await recorded()).toEqual([]);
    await backup(url);
    expect(await recorded()).toEqual([{ after_position: '0', up_to_position: '45', events: '40' }]);
  });

  test('that was cut off or changed anywhere restores nothing but what was there', async () => {
    const url = await databases.create();
    await filled(url);
    const store = open(url);
    for (let n = 0; n < 30; n += 1)
      await store.append(
        'User-many',
        Array.from({ length: 100 }, (_, at) => note(`${n}-${at}`)),
      );
    await store.close();
    const lines = await backup(url);
    const seed = Math.floor(Math.random() * 2 ** 31);
    console.log(`backup seed ${seed}`);
    let state = seed;
    const random = (below: number): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
      return state % below;
    };
    for (let n = 0; n < 12; n += 1) {
      const broken = [...lines];
      const at = random(lines.length);
      const line = lines[at] ?? '';
      const kind = n % 4;
      if (kind === 0) broken.length = at;
      else if (kind === 1) broken.splice(at, 1);
      else if (kind === 2) broken[at] = line.slice(0, random(line.length));
      else {
        const where = random(line.length);
        broken[at] = `${line.slice(0, where)}${line[where] === '1' ? '2' : '1'}${line.slice(where + 1)}`;
      }
      const schema = `broken${n}`;
      const error: unknown = await restore(url, broken, { schema }).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      ok(
        error instanceof BackupBrokenError || error instanceof RestoreRefusedError,
        `seed ${seed}, line ${at}: ${String(error)}`,
      );
      const restored = await runSql(url, `select e::text from "${schema}".events e order by global_position`);
      const original = await runSql(url, 'select e::text from mink.events e order by global_position limit $1', [
        restored.length,
      ]);
      deepStrictEqual(restored, original);
      // The sound one goes on from there.
      if (n % 4 === 3) {
        await restore(url, lines, { schema });
        deepStrictEqual(await contents(url, schema), await contents(url, 'mink'));
      }
    }
  });

  test('is restored in as many tries as it takes, and beside nobody else', async () => {
    const url = await databases.create();
    const store = open(url);
    for (let n = 0; n < 35; n += 1)
      await store.append(
        'User-many',
        Array.from({ length: 100 }, (_, at) => note(`${n}-${at}`)),
      );
    await store.close();
    const lines = await backup(url);
    for (let blocks = 1; blocks <= 2; blocks += 1) {
      const stop = new AbortController();
      const onProgress = (): void => stop.abort(new Error('stopped'));
      await rejects(restore(url, lines, { signal: stop.signal, onProgress }), /stopped/u);
      const [count] = await runSql(url, 'select count(*)::int as n from copy.events');
      strictEqual(count?.['n'], 1_000 * blocks);
    }
    const other = open(url, 'copy');
    let isDone = false;
    const onProgress = (): void => {
      isDone = true;
    };
    const appending = (async function* () {
      for (const line of lines) {
        if (isDone) {
          isDone = false;
          await other.append('User-intruder', [note(1)]);
        }
        yield line;
      }
    })();
    await rejects(restoreBackup({ url, schema: 'copy', onProgress }, appending), /somebody else appends/u);
    await other.close();
  });

  test('is restored in whole commits, wherever it ends', async () => {
    const url = await databases.create();
    const store = open(url);
    await store.append('User-1', [note(1), note(2), note(3)]);
    // One that is larger than a block.
    await store.append(
      'User-2',
      Array.from({ length: 2_500 }, (_, at) => note(at)),
    );
    await store.close();
    const lines = await backup(url);
    for (const [untilPosition, events] of [
      [2, 0],
      [3, 3],
      [2_000, 3],
      [2_503, 2_503],
    ] as const) {
      const schema = `until${untilPosition}`;
      expect(await restore(url, lines, { schema, untilPosition })).toMatchObject({ events, position: events });
      expect(await verifyStore({ url, schema })).toMatchObject({ ok: true, events });
      await restore(url, lines, { schema });
      deepStrictEqual(await contents(url, schema), await contents(url, 'mink'));
    }
  });

  test('is restored up to a position or a time', async () => {
    const url = await databases.create();
    const store = open(url);
    await store.append('User-1', [events.Registered({ email: 'a@example.com' })]);
    const second = await store.append('User-1', [note('second')]);
    await runSql(url, 'select pg_sleep(0.02)');
    await store.append('User-2', [events.Registered({ email: 'b@example.com' })]);
    const lines = await backup(url);
    expect(await restore(url, lines, { untilPosition: 2 })).toEqual({
      events: 2,
      skipped: 0,
      position: 2,
      isPartial: true,
    });
    const until = second.events[0]?.recordedAt ?? new Date(0);
    expect(await restore(url, lines, { schema: 'then', untilTime: until })).toMatchObject({
      position: 2,
      isPartial: true,
    });
    const then = open(url, 'then');
    strictEqual(await then.streamInfo('User-2'), undefined);
    strictEqual((await then.append('User-1', [note('another way')])).globalPosition, 3);
    await then.close();
    // The rest comes later, where nobody has gone another way.
    expect(await restore(url, lines)).toMatchObject({ events: 1, skipped: 2, isPartial: false });
    await rejects(restore(url, lines, { schema: 'then' }), /is another one/u);
    // What is there is not taken away: that it ended then would be a lie.
    for (const moment of [{ untilPosition: 2 }, { untilTime: until }])
      await rejects(restore(url, lines, moment), /goes beyond that moment already/u);
    await store.close();
  });
});
