import {
  createCommandBus,
  createProjectionEngine,
  causedBy,
  defineCommands,
  commandHandlers,
  defineEvents,
  defineProjection,
  documents,
  payload,
  recommendedPipeline,
  withMetadata,
} from 'mink';
import { createPostgresStore } from 'mink/postgres';
import { expect, test } from 'vitest';
import { useDatabase } from './support/database.ts';
import { project } from './support/project.ts';
import { jsonLines, runMink } from './support/run-mink.ts';

const database = useDatabase();
const events = defineEvents({ Placed: payload<{ total: number }>(), Paid: payload<{ total: number }>() });
const commands = defineCommands({
  Place: payload<{ id: string; total: number }>(),
  Pay: payload<{ id: string; total: number }>(),
});
const base = { events: { Order: events }, readModel: documents<{ total: number }>() } as const;
const orderList = defineProjection({ name: 'order-list', ...base }).on({ Placed: (_row, { data }) => data });
const payments = defineProjection({ name: 'payments', ...base }).on({
  Paid: () => {
    throw new Error('no money');
  },
});

const config = (schema: string): string => `
  import { defineEvents, defineProjection, documents, payload } from 'mink';
  import { createPostgresStore } from 'mink/postgres';
  const events = defineEvents({ Placed: payload(), Paid: payload() });
  export const store = createPostgresStore({
    url: ${JSON.stringify(database.url())}, schema: ${JSON.stringify(schema)}, categories: { Order: events },
  });
  const base = { events: { Order: events }, readModel: documents() };
  export const projections = [
    defineProjection({ name: 'order-list', ...base }).on({ Placed: (_row, { data }) => data }),
    defineProjection({ name: 'payments', ...base }).on({ Paid: (_row, { data }) => data }),
  ];`;

/** An order that was placed by somebody, and paid because of that. */
async function orders() {
  const schema = database.newSchema();
  const store = createPostgresStore({ url: database.url(), schema, categories: { Order: events } });
  const bus = createCommandBus(store, {
    handlers: [
      commandHandlers(commands, {
        Place: async ({ data: { id, total } }) => {
          await store.append(`Order-${id}`, [events.Placed({ total })]);
        },
        Pay: async ({ data: { id, total } }) => {
          await store.append(`Order-${id}`, [events.Paid({ total })]);
        },
      }),
    ],
    middleware: recommendedPipeline({ audit: { write: store.operations.audit.write, onLost: () => undefined } }),
  });
  await bus.dispatch({ ...commands.Place({ id: '1', total: 5 }), metadata: { userId: 'ann' } });
  const [placed] = await store.readStream('Order-1').toArray();
  if (placed === undefined) throw new Error('it was placed');
  await withMetadata(causedBy(placed), () => bus.dispatch(commands.Pay({ id: '1', total: 5 })));
  const { globalPosition } = await store.append('Order-2', [events.Placed({ total: 1 })]);
  const engine = createProjectionEngine(store, [orderList, payments], { tries: 1 });
  await engine.start();
  await engine.waitFor(globalPosition);
  await engine.close();
  await store.close();
  const run = (args: readonly string[]) => runMink(args, { cwd: project({ 'mink.config.mjs': config(schema) }) });
  const bare = (args: readonly string[]) =>
    runMink([...args, '--url', database.url(), '--schema', schema], { cwd: project({}) });
  return { run, bare, alone: globalPosition };
}

test('says which command an event came of, what followed, and who has handled it, and shows no payload', async () => {
  const { run } = await orders();
  const { stdout, stderr } = await run(['why', '2']);
  expect(stderr).toBe('');
  expect(stdout).toMatch(
    /^Why Paid of Order-1@2, position 2:\n\nPlace \(command \S+, by ann, succeeded\)\n {2}Placed {2}Order-1@1, position 1\n {4}Pay \(command \S+, by ann, succeeded\)\n {6}Paid {2}Order-1@2, position 2 {3}<- this\n\npayments 1: parked, Order-1\n$/u,
  );
  const placed = await run(['why', '1', '--json']);
  expect(jsonLines(placed.stdout)).toMatchObject([
    {
      event: { type: 'Placed', streamName: 'Order-1', globalPosition: 1 },
      command: { type: 'Place', userId: 'ann', status: 'succeeded' },
      handlings: [{ name: 'order-list', version: 1, outcome: 'applied', keys: ['Order-1'] }],
      isComplete: true,
    },
  ]);
  expect(placed.stdout).not.toContain('total');
});

test('an event that nobody has said anything about stands alone; where there is none, it says so', async () => {
  const { run, bare, alone } = await orders();
  expect((await bare(['why', String(alone)])).stdout).toContain('is known with a config file that exports them');
  expect((await run(['why', String(alone)])).stdout).toMatch(
    /^Why Placed of Order-2@1, position 3:\n\nPlaced {2}Order-2@1, position 3 {3}<- this\n\norder-list 1: applied, Order-2\n$/u,
  );
  expect(await run(['why', '99'])).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('no event at 99') });
  expect(await run(['why', 'x'])).toMatchObject({ exitCode: 2 });
});
