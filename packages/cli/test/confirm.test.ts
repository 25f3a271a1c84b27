import { createProjectionEngine, defineEvents, defineProjection, documents, payload } from 'mink';
import { createPostgresStore } from 'mink/postgres';
import { describe, expect, test } from 'vitest';
import { useDatabase } from './support/database.ts';
import { project } from './support/project.ts';
import { jsonLines, runMink, type RunOptions } from './support/run-mink.ts';

const database = useDatabase();

const config = (schema: string): string => `
  import { defineEvents, defineProjection, documents, payload } from 'mink';
  import { createPostgresStore } from 'mink/postgres';
  const events = defineEvents({ ItemAdded: payload() });
  export const store = createPostgresStore({
    url: ${JSON.stringify(database.url())}, schema: ${JSON.stringify(schema)}, categories: { Cart: events },
  });
  const counted = (version) =>
    defineProjection({ name: 'item-count', version, events: { Cart: events }, readModel: documents() }).on({
      ItemAdded: (cart, { data }) => {
        if (data.sku === 'bad') throw new Error('cannot count it');
        return { items: (cart?.items ?? 0) + 1 };
      },
    });
  export const projections = [counted(1), counted(2)];`;

/** Two versions of a projection, with a cart that waits. */
async function carts() {
  const schema = database.newSchema();
  const events = defineEvents({ ItemAdded: payload<{ sku: string }>() });
  const counted = (version: number) =>
    defineProjection({
      name: 'item-count',
      version,
      events: { Cart: events },
      readModel: documents<{ items: number }>(),
    }).on({
      ItemAdded: (cart, { data }) => {
        if (data.sku === 'bad') throw new Error('cannot count it');
        return { items: (cart?.items ?? 0) + 1 };
      },
    });
  const store = createPostgresStore({ url: database.url(), schema, categories: { Cart: events } });
  for (const sku of ['a', 'bad', 'b']) await store.append('Cart-1', [events.ItemAdded({ sku })]);
  const engine = createProjectionEngine(store, [counted(1), counted(2)], { tries: 1 });
  await engine.start();
  await engine.waitFor(3);
  await engine.close();
  await store.close();
  const run = (args: readonly string[], options: RunOptions = {}) =>
    runMink(args, { cwd: project({ 'mink.config.mjs': config(schema) }), ...options });
  const stateOf = async (): Promise<unknown> => jsonLines((await run(['projections', 'list', '--json'])).stdout);
  return { run, stateOf };
}

const COMMANDS = [
  {
    args: ['projections', 'reset', 'item-count', '--of', '1'],
    would: 'empty item-count version 1 (3 events handled), forget 1 parked key, and apply the log to it again',
  },
  {
    args: ['projections', 'switch', 'item-count', '--to', '2', '--force'],
    would:
      'let item-count stand for version 2, instead of version 1, on which no process works: what is read would stand still',
  },
  {
    args: ['projections', 'rollback', 'item-count'],
    would: 'let item-count stand for the version that was live before, instead of version 1',
  },
  {
    args: ['projections', 'retire', 'item-count', '--of', '2'],
    would: 'drop item-count version 2 for good: its rows, checkpoints and 1 parked keys',
  },
  {
    args: ['deadletters', 'discard', 'item-count', 'Cart-1', '--of', '1', '--reason', 'x'],
    would: 'give up 2 events of Cart-1, for good: item-count will lack them',
  },
] as const;

describe('what is not taken back', () => {
  test.each(COMMANDS)(
    '$args.1: is asked for, tried with --dry-run, and wants --yes where nobody can be asked',
    async ({ args, would }) => {
      const { run, stateOf } = await carts();
      const before = await stateOf();
      const tried = await run([...args, '--dry-run']);
      expect(tried).toEqual({ exitCode: 0, stdout: `Would ${would}.\n`, stderr: '' });
      expect(jsonLines((await run([...args, '--dry-run', '--json'])).stdout)).toMatchObject([{ wouldDo: would }]);
      const alone = await run(args, { answer: undefined });
      expect(alone).toMatchObject({
        exitCode: 2,
        stdout: '',
        stderr: expect.stringContaining(`This would ${would}. Say --yes`),
      });
      const refused = await run(args, { answer: 'no' });
      expect(refused).toEqual({
        exitCode: 130,
        stdout: '',
        stderr: '',
        questions: [`This will ${would}. Go on? [y/N] `],
      });
      expect(await stateOf()).toEqual(before);
    },
  );

  test('is done with --yes, and when the person at the terminal says so', async () => {
    const { run } = await carts();
    const [reset, , , retire, discard] = COMMANDS;
    const agreed = await run(discard.args, { answer: ' Yes ' });
    expect(agreed).toMatchObject({ exitCode: 0, stdout: 'Cart-1: 2 events discarded\n' });
    for (const { args } of [retire, reset]) {
      expect(await run([...args, '--yes'], { answer: undefined })).toMatchObject({ exitCode: 0, questions: undefined });
    }
  });
});
