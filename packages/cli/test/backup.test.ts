import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { createPostgresStore } from 'mink/postgres';
import { Client } from 'pg';
import { describe, expect, test } from 'vitest';
import { useDatabase } from './support/database.ts';
import { project } from './support/project.ts';
import { runMink, startMink } from './support/run-mink.ts';

const database = useDatabase();
const note = (text: string) => ({ type: 'Noted', data: { text } });

/** A store with 2,500 events, and command lines on it. */
async function scene() {
  const { schema, store } = database.openStore();
  for (let n = 0; n < 25; n += 1)
    await store.append(
      `Note-${n % 5}`,
      Array.from({ length: 100 }, (_, at) => note(`é ${n} ${at}`)),
    );
  const cwd = project();
  const mink = (...args: readonly string[]) => runMink([...args, '--url', database.url()], { cwd });
  const copy = database.newSchema();
  const file = join(cwd, 'notes.mink.gz');
  const eventsOf = async (name: string) => {
    await using reading = createPostgresStore({ url: database.url(), schema: name });
    return await reading.readAll().toArray();
  };
  const sql = async (text: string): Promise<void> => {
    const client = new Client({ connectionString: database.url() });
    await client.connect();
    await client.query(text.replaceAll('SCHEMA', `"${schema}"`));
    await client.end();
  };
  return { schema, store, mink, copy, file, cwd, eventsOf, sql };
}

describe('a backup', () => {
  test('goes into a file and out of it, one after the other', async () => {
    const { schema, store, mink, copy, file, cwd, eventsOf } = await scene();
    const first = await mink('backup', file, '--schema', schema);
    expect(first).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining('2500 events, up to position 2500. The next one: --after 2500\n'),
    });
    expect(gunzipSync(readFileSync(file)).toString().split('\n')[0]).toContain('"mink":"backup"');
    await store.append('Note-1', [note('later')]);
    const second = join(cwd, 'second.mink.gz');
    const json = await mink('backup', second, '--schema', schema, '--from', '2500', '--json');
    expect(JSON.parse(json.stdout)).toEqual({ file: second, events: 1, upTo: 2501 });
    const refused = await mink('restore', second, '--schema', copy);
    expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('comes after position 2500') });
    expect(await mink('restore', file, '--schema', copy)).toMatchObject({
      exitCode: 0,
      stdout: `2500 events restored into schema "${copy}". The log ends at position 2500.\n`,
    });
    expect((await mink('restore', second, '--schema', copy)).exitCode).toBe(0);
    expect(await eventsOf(copy)).toEqual(await eventsOf(schema));
    expect(await mink('verify', '--schema', copy)).toMatchObject({
      exitCode: 0,
      stdout: '2501 events in 5 streams, as they should be.\n',
    });
    await store.close();
  });

  test('is never written over, and is not there before it is whole', async () => {
    const { schema, store, mink, file, cwd } = await scene();
    writeFileSync(file, 'mine');
    expect(await mink('backup', file, '--schema', schema)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('exists already'),
    });
    expect(readFileSync(file, 'utf8')).toBe('mine');
    expect(await mink('backup', join(cwd, 'nowhere', 'x'), '--schema', schema)).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: expect.stringMatching(/^error: ENOENT: .*\nCheck the path, its rights, and the room on its disk\.\n$/u),
    });
    expect((await mink('backup', `${file}.2`, '--schema', 'nothing_here')).exitCode).toBe(1);
    expect((await mink('restore', `${file}.2`, '--schema', schema)).exitCode).toBe(2);
    await store.close();
  });

  test('that is interrupted leaves nothing, and ends with exit code 130', async () => {
    const { schema, store, file, cwd } = await scene();
    const backup = startMink(['backup', file, '--schema', schema, '--url', database.url()], { cwd });
    backup.interrupt();
    expect(await backup.done).toEqual({ exitCode: 130, stdout: '', stderr: '' });
    expect([file, `${file}.part`].filter((it) => existsSync(it))).toEqual([]);
    await store.close();
  });

  test('goes through a pipe as lines, and up to a moment', async () => {
    const { schema, store, mink, copy, file } = await scene();
    const { stdout } = await mink('backup', '-', '--schema', schema);
    writeFileSync(file, stdout);
    expect(await mink('restore', file, '--schema', copy, '--until', '1234', '--json')).toMatchObject({
      stdout: `${JSON.stringify({ events: 1200, skipped: 0, position: 1200, isPartial: true })}\n`,
    });
    await store.close();
  });

  test('is tried without being written or restored', async () => {
    const { schema, store, mink, copy, file } = await scene();
    const plan = await mink('backup', file, '--dry-run', '--from', '100', '--schema', schema);
    expect(plan).toMatchObject({
      exitCode: 0,
      stdout: 'Would hold what is behind position 100, up to position 2500. Nothing was written.\n',
    });
    expect(existsSync(file)).toBe(false);
    await mink('backup', file, '--schema', schema);
    expect((await mink('backup', file, '--dry-run', '--schema', schema)).exitCode).toBe(1);
    const { exitCode, stdout } = await mink('restore', file, '--dry-run', '--schema', copy);
    expect({ exitCode, stdout }).toEqual({
      exitCode: 0,
      stdout: expect.stringMatching(/^Sound: 2500 events, the whole log up to position 2500, taken at \S+Z\. Nothing/u),
    });
    expect((await mink('verify', '--schema', copy)).exitCode).toBe(1);
    truncateSync(file, Math.floor(readFileSync(file).length * 0.9));
    expect((await mink('restore', file, '--dry-run')).exitCode).toBe(1);
    await store.close();
  });

  test('that was cut off says so, and what is sound of it is restored', async () => {
    const { schema, store, mink, copy, file, eventsOf } = await scene();
    await mink('backup', file, '--schema', schema);
    truncateSync(file, Math.floor(readFileSync(file).length * 0.9));
    const { exitCode, stderr } = await mink('restore', file, '--schema', copy);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/The backup is broken at line \d+: it (?:cannot be unpacked|ends too early)/u);
    const restored = await eventsOf(copy);
    expect(restored).toEqual((await eventsOf(schema)).slice(0, restored.length));
    await store.close();
  });
});

describe('verify', () => {
  test.each([
    ['version-gap', 'delete from SCHEMA.events where global_position = 7', 'Note-0'],
    [
      'stream-counter',
      `update SCHEMA.streams set version = 501 where stream_name = 'Note-3'`,
      'counts 501 events, and has 500',
    ],
    [
      'partition',
      `update SCHEMA.events set partition_key = (partition_key + 1) % 1024 where stream_name = 'Note-2'`,
      'Note-2',
    ],
    ['order', `update SCHEMA.events set recorded_at = '2020-01-01' where global_position = 150`, 'Note-1'],
    ['commit', 'delete from SCHEMA.events where global_position = 2500', 'a commit of 100 events has 99'],
    ['sequence', `select setval('SCHEMA.global_position', 2400)`, 'stands at 2400, and the log ends at 2500'],
    [
      'snapshot',
      `insert into SCHEMA.snapshots values ('Note-1', 'note', 501, 'Note', 1, gen_random_uuid(), now(), 1, '', '', '', now())`,
      'is of version 501, beyond the end of its stream',
    ],
    [
      'result',
      `insert into SCHEMA.idempotency (key, message_type, fingerprint, outcome, positions, recorded_at, expires_at)
      values ('command-1', 'Note', '', 'appended', '{7,2501}', now(), now())`,
      'command-1',
    ],
    [
      'claim',
      `insert into SCHEMA.claims values ('email', 'a@example.com', 'Note-9')`,
      'holds "a@example.com" of "email"',
    ],
    [
      'dead-letter',
      `insert into SCHEMA.projections (name, version, tables) values ('sum', 1, '[]');
      insert into SCHEMA.parked_keys values ('sum', 1, 'Note-1', 'odd', 1, now(), now());
      insert into SCHEMA.dead_letters values ('sum', 1, 'Note-1', 2501)`,
      'Note-1 waits for position 2501',
    ],
    ['guard', 'alter table SCHEMA.events disable trigger refuse_change', 'refuse_change'],
  ])('a verification finds %s', async (check, statement, detail) => {
    const { schema, store, mink, sql } = await scene();
    expect((await mink('verify', '--schema', schema)).exitCode).toBe(0);
    await sql(`alter table SCHEMA.events disable trigger all`);
    await sql(statement);
    if (check !== 'guard') {
      for (const [table, trigger] of [
        ['events', 'refuse_change'],
        ['events', 'require_append'],
      ]) {
        await sql(`alter table SCHEMA.${table} enable always trigger ${trigger}`);
      }
    }
    const { exitCode, stdout, stderr } = await mink('verify', '--schema', schema);
    expect(exitCode).toBe(1);
    expect(stdout.split('\n').filter((text) => text.startsWith(`${check} `) && text.includes(detail))).toHaveLength(1);
    expect(stderr).toMatch(/has (?:1 finding|[2-9] findings)\./u);
    await store.close();
  });

  test('finds checkpoints beyond the end', async () => {
    const { schema, store, mink, sql } = await scene();
    await sql(`insert into SCHEMA.projections (name, version, tables) values ('sum', 1, '[]')`);
    await sql(
      `insert into SCHEMA.projection_partitions (name, version, from_slot, to_slot, epoch, position) values ('sum', 1, 0, 1024, 1, 9999)`,
    );
    const found = JSON.parse((await mink('verify', '--schema', schema, '--json')).stdout);
    expect(found).toMatchObject({ ok: false, findings: [{ check: 'checkpoint', subject: 'sum version 1' }] });
    await store.close();
  });
});

describe('a seal', () => {
  test('is printed as a receipt, which proves the log afterwards', async () => {
    const { schema, store, mink, sql, file } = await scene();
    const { exitCode, stdout, stderr } = await mink('seal', '--schema', schema);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '2500 events sealed, up to position 2500.\n' });
    expect(stdout).toMatch(/^2500:[0-9a-f]{64}\n$/u);
    await mink('backup', file, '--schema', schema);
    const receipt = stdout.trim();
    expect(JSON.parse((await mink('seal', '--json', '--schema', schema)).stdout)).toEqual({
      events: 0,
      position: 2500,
      receipt,
    });
    expect(await mink('verify', '--seals', '--receipt', receipt, '--schema', schema)).toMatchObject({
      exitCode: 0,
      stdout: '2500 events in 5 streams, as they should be. Sealed up to position 2500.\n',
    });
    await sql(`alter table SCHEMA.events disable trigger refuse_change`);
    await sql(`update SCHEMA.events set data = '{"text":"another"}' where global_position = 150`);
    await sql(`alter table SCHEMA.events enable always trigger refuse_change`);
    // Nothing but a seal shows that.
    expect((await mink('verify', '--schema', schema)).exitCode).toBe(0);
    const found = await mink('verify', '--seals', '--schema', schema);
    expect(found.exitCode).toBe(1);
    expect(found.stdout).toMatch(/^seal +Note-1 +version 50 \(position 150\) was changed, since \S+Z$/mu);
    expect((await mink('verify', '--receipt', '7', '--schema', schema)).exitCode).toBe(2);
    const again = await mink('verify', '--backup', file, '--schema', schema);
    expect(again).toMatchObject({ exitCode: 1, stdout: expect.stringMatching(/^backup +Note-1 +version 50 /mu) });
    await store.close();
  });
});
