import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { useDatabase } from './support/database.ts';
import { runMink, startMink } from './support/run-mink.ts';

const database = useDatabase();
const migrations = readdirSync(new URL('../../mink/sql/migrations/', import.meta.url))
  .toSorted()
  .map((file) => ({ version: Number(file.slice(0, 6)), name: file.slice(7, -'.sql'.length) }));
const latest = migrations.length;

test('migrate brings the schema up to date, and says so when it already is', async () => {
  const options = { url: database.url() };
  const first = await runMink(['migrate'], options);
  expect([first.exitCode, first.stderr]).toEqual([0, '']);
  const [applied, summary] = first.stdout.split('\nSchema ');
  expect(applied?.split('\n')).toEqual(
    migrations.map(({ version, name }) => `Applied ${String(version).padStart(6, '0')}_${name}.`),
  );
  expect(summary).toMatch(new RegExp(`^"mink" of postgresql:.* was migrated, at version ${latest}\\.\n$`, 'u'));

  const second = await runMink(['migrate', 'up'], options);
  expect(second.stdout).toMatch(new RegExp(`^Schema "mink" of .* is up to date, at version ${latest}\\.\n$`, 'u'));
});

test('migrate --json names what was applied', async () => {
  const schema = database.newSchema();
  const args = ['migrate', '--json', '--schema', schema, '--url', database.url()];
  const databaseVersion = latest;
  expect(JSON.parse((await runMink(args)).stdout)).toEqual({ schema, databaseVersion, applied: migrations });
  expect(JSON.parse((await runMink(args)).stdout)).toEqual({ schema, databaseVersion, applied: [] });
});

test('migrate status shows where the database stands and changes nothing', async () => {
  const args = ['--schema', database.newSchema(), '--url', database.url()];
  const before = await runMink(['migrate', 'status', ...args]);
  expect(before.exitCode).toBe(0);
  expect(before.stdout).toContain(`does not exist yet; ${latest} pending.`);
  expect(before.stdout).toMatch(/VERSION {2}NAME +APPLIED\n +1 {2}event_store +pending\n/u);
  const json = JSON.parse((await runMink(['migrate', 'status', '--json', ...args])).stdout);
  expect(json).toMatchObject({ databaseVersion: 0, codeVersion: latest, pending: latest });
  expect(json.migrations).toEqual(migrations.map((migration) => ({ ...migration, appliedAt: null })));

  await runMink(['migrate', ...args]);
  const after = await runMink(['migrate', 'status', ...args]);
  expect(after.stdout).toContain(`is up to date, at version ${latest}.`);
  expect(after.stdout).toMatch(/event_store +\d{4}-\d{2}-\d{2}T.*Z\n/u);
});

test.each([[['migrate', '--dry-run']], [['migrate', 'up', '--dry-run']]])(
  '%j prints the pending SQL and changes nothing',
  async (command) => {
    const schema = database.newSchema();
    const args = ['--schema', schema, '--url', database.url()];
    const { exitCode, stdout } = await runMink([...command, ...args]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(new RegExp(`^-- Schema ".*: ${latest} pending`, 'u'));
    expect(stdout).toContain(`create table "${schema}".events`);
    expect(JSON.parse((await runMink(['migrate', 'status', '--json', ...args])).stdout)).toMatchObject({
      pending: latest,
    });

    const json = JSON.parse((await runMink([...command, '--json', ...args])).stdout);
    expect(json).toMatchObject({ schema, pending: migrations });
    expect(json.pending[0].sql).toContain('create table');

    await runMink(['migrate', ...args]);
    expect((await runMink([...command, ...args])).stdout).toMatch(/^-- Schema ".*: Nothing is pending\.\n$/u);
    expect(JSON.parse((await runMink([...command, '--json', ...args])).stdout)).toEqual({ schema, pending: [] });
  },
);

test('shows the URL without its password', async () => {
  const url = database.url().replace('postgres@', 'postgres:s3cret@');
  const { exitCode, stdout } = await runMink(['migrate', 'status'], { url });
  expect(exitCode).toBe(0);
  expect(stdout).toContain('postgresql://postgres:***@127.0.0.1');
});

test('interrupted before it began, ends with exit code 130', async () => {
  const migration = startMink(['migrate', '--schema', database.newSchema()], { url: database.url() });
  migration.interrupt();
  expect(await migration.done).toEqual({ exitCode: 130, stdout: '', stderr: '' });
});
