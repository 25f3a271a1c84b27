import { describe, expect, test, vi } from 'vitest';
import { useDatabase } from './support/database.ts';
import { project } from './support/project.ts';
import { jsonLines, runMink } from './support/run-mink.ts';

vi.setConfig({ testTimeout: 30_000 });
const database = useDatabase();

/** Users that were there before their addresses had to be unique, and a config file that says so now. */
async function users(...emails: readonly string[]) {
  const { schema, store } = database.openStore();
  for (const [index, email] of emails.entries()) {
    await store.append(`User-${index + 1}`, [{ type: 'Registered', data: { email } }]);
  }
  await store.close();
  const connection = `const url = ${JSON.stringify(database.url())}, schema = ${JSON.stringify(schema)};`;
  // A process of its own has a store of its own; here each call takes a new file.
  const cwd = () =>
    project({
      'mink.config.mjs': `
      import { defineEvents, payload } from 'mink';
      import { createPostgresStore } from 'mink/postgres';
      ${connection}
      const events = defineEvents({ Registered: payload() }, { unique: { email: ({ data }) => data.email } });
      const plain = defineEvents({ Noted: payload() });
      export const store = createPostgresStore({ url, schema, categories: { User: events, Note: plain } });
    `,
      'storeless.mjs': `export ${connection}`,
    });
  return { schema, mink: (...args: string[]) => runMink(['unique-sets', ...args], { cwd: cwd() }) };
}

describe('unique-sets', () => {
  test('rebuild builds a set, and holder shows who has a value', async () => {
    const { mink } = await users('ada@b', 'bob@b');
    const before = await mink('holder', 'email', 'bob@b');
    expect(before).toEqual({ exitCode: 0, stdout: '', stderr: 'No stream holds it.\n' });
    const built = await mink('rebuild', 'User');
    expect(built).toEqual({ exitCode: 0, stdout: 'User: 2 streams, 0 values with more than one\n', stderr: '' });
    expect((await mink('holder', 'email', 'bob@b')).stdout).toBe('User-2\n');
    const json = await mink('holder', 'email', 'nobody@b', '--json');
    expect(jsonLines(json.stdout)).toEqual([{ set: 'email', value: 'nobody@b', streamName: null }]);
  });

  test('holder needs no config file', async () => {
    const { mink, schema } = await users('ada@b');
    await mink('rebuild', 'User');
    const args = ['unique-sets', 'holder', 'email', 'ada@b', '--url', database.url(), '--schema', schema];
    expect((await runMink(args, { cwd: project() })).stdout).toBe('User-1\n');
  });

  test('rebuild tells of values that several streams have', async () => {
    const { mink } = await users('ada@b', 'ada@b', 'bob@b');
    const text = await mink('rebuild', 'User');
    expect([text.exitCode, text.stdout]).toEqual([
      1,
      'User: 3 streams, 1 value with more than one\nSTREAM  SET    VALUE  HELD BY\nUser-2  email  ada@b  User-1\n',
    ]);
    expect(text.stderr).toContain('The sets of "User" are built, but 1 value is claimed by more than one stream.');
    const json = await mink('rebuild', 'User', '--json');
    expect(jsonLines(json.stdout)).toEqual([
      {
        category: 'User',
        streams: 3,
        conflicts: [{ set: 'email', value: 'ada@b', streamName: 'User-2', heldBy: 'User-1' }],
      },
    ]);
    expect(jsonLines(json.stderr)).toMatchObject([{ error: { code: 'UNIQUE_VALUES_SHARED', shared: 1 } }]);
  });

  test.each([
    [['Note'], 2, '"Note" has no unique sets'],
    [['User', '--config', 'storeless.mjs'], 2, '"storeless.mjs" exports no "store"'],
    [['User', '--config', 'nowhere.mjs'], 1, 'nowhere.mjs'],
    [['User', '--schema', 'other'], 2, 'name another store than that of the config file'],
    [[], 2, "missing required argument 'category'"],
  ])('rebuild %j is refused', async (args, exitCode, message) => {
    const { mink } = await users();
    const refused = await mink('rebuild', ...args);
    expect([refused.exitCode, refused.stdout]).toEqual([exitCode, '']);
    expect(refused.stderr).toContain(message);
  });
});
