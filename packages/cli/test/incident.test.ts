import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { expect, test, vi } from 'vitest';
import { useDatabase } from './support/database.ts';
import { project } from './support/project.ts';
import { jsonLines, type Result } from './support/run-mink.ts';

vi.setConfig({ testTimeout: 90_000 });
const database = useDatabase();

/** Carts of people, one of which has an item that the list cannot take, and another that the cart itself cannot. */
async function carts() {
  const schema = database.newSchema();
  const config = (isMended: boolean) => `
    import { defineDecider, defineEvents, defineProjection, documents, payload } from 'mink';
    import { createPostgresStore } from 'mink/postgres';
    const url = ${JSON.stringify(database.url())}, schema = ${JSON.stringify(schema)};
    export const events = defineEvents({ ItemAdded: payload(), Named: payload() });
    const check = (data) => {
      if (!${isMended} && data.quantity > 99) throw new Error('cannot take "' + data.name + '"');
    };
    export const store = createPostgresStore({ url, schema, categories: { Cart: events } });
    export const deciders = [defineDecider({
      category: 'Cart',
      events,
      initialState: () => ({ items: 0 }),
      evolve: (state, { data }) => {
        if (!${isMended} && data.quantity === 1000) throw new Error('too many of "' + data.name + '"');
        return { items: state.items + (data.quantity ?? 0), last: data.name };
      },
      decide: () => [],
    })];
    export const projections = [
      defineProjection({ name: 'cart-list', events: { Cart: events }, readModel: documents() }).on({
        ItemAdded: (cart, { data }) => {
          check(data);
          return { last: data.name, items: (cart?.items ?? 0) + data.quantity };
        },
      }),
    ];`;
  const directory = project({ 'mink.config.mjs': config(false) });
  const {
    store,
    projections,
    events: { ItemAdded },
  } = await import(join(directory, 'mink.config.mjs'));
  const { createProjectionEngine } = await import('mink');
  const add = (name: string, quantity: number) => ItemAdded({ name, quantity });
  await store.append('Cart-1', [add('Ada Lovelace', 2), add('Grace Hopper', 100), add('Ada Lovelace', 1)], {
    metadata: { userId: 'grace@example.com', correlationId: 'c-1' },
  });
  await store.append('Cart-2', [add('Edsger', 3)], { metadata: { correlationId: 'c-1' } });
  await store.append('Cart-3', [add('Barbara', 1000)]);
  await store.operations.audit.write({
    kind: 'command',
    type: 'AddItems',
    id: 'command-1',
    at: new Date(),
    userId: 'grace@example.com',
    tenantId: undefined,
    correlationId: 'c-1',
    status: 'attempted',
    errorCode: undefined,
    streamName: undefined,
    streamVersion: undefined,
  });
  const engine = createProjectionEngine(store, projections, { tries: 1 });
  await engine.start();
  await engine.waitFor((await store.readBound()).position).catch(() => undefined);
  await engine.close();
  await store.close();
  const run = (args: readonly string[]) => mink(directory, args);
  const mend = (): void => writeFileSync(join(directory, 'mink.config.mjs'), config(true));
  return { run, mend, directory };
}

/** In a process of its own: a store of a config file is closed with the command. */
async function mink(directory: string, args: readonly string[]): Promise<Result> {
  const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
  const done = await promisify(execFile)(process.execPath, [main, ...args], { cwd: directory }).catch(
    (error: { code: number; stdout: string; stderr: string }) => error,
  );
  return { exitCode: 'code' in done ? done.code : 0, stdout: done.stdout, stderr: done.stderr };
}

const files = (directory: string): readonly string[] => readdirSync(join(directory, 'incidents')).toSorted();

/** Runs a generated test as its user would. */
async function vitest(
  directory: string,
  file: string,
): Promise<{ readonly isGreen: boolean; readonly output: string }> {
  const program = join(directory, 'node_modules/vitest/vitest.mjs');
  const args = [program, 'run', '--root', directory, `incidents/${file}`];
  try {
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: directory });
    return { isGreen: true, output: stdout };
  } catch (error) {
    const streams =
      error instanceof Error && 'stdout' in error && 'stderr' in error ? [error.stdout, error.stderr] : [];
    return { isGreen: false, output: streams.join('\n') };
  }
}

test('tells what waits in a projection, without names, and generates a test that fails until the code is mended', async () => {
  const { run, mend, directory } = await carts();
  const made = await run(['incident', 'Cart-1']);
  expect(made.stderr).toBe('');
  expect(made.stdout).toMatch(
    /^Cart-1 at version 3: 3 events, 1 related ones\n {2}cart-list 1: Cart-1 waits with 2 events\n/u,
  );
  expect(made.stdout).toContain('cart-list 1, key Cart-1 fails at ItemAdded: cannot take "Grace Hopper"');
  expect(files(directory)).toEqual(['Cart-1@3.incident.json', 'Cart-1@3.incident.test.ts']);
  const text = readFileSync(join(directory, 'incidents/Cart-1@3.incident.json'), 'utf8');
  expect(text).not.toMatch(/Ada|Lovelace|Grace|Hopper|grace|example\.com|Edsger/u);
  const incident = JSON.parse(text);
  expect(incident).toMatchObject({
    format: 'mink-incident-1',
    payloads: 'masked',
    subject: { streamName: 'Cart-1', streamVersion: 3, globalPosition: 3 },
    events: [{ type: 'ItemAdded', data: { quantity: 2 } }, {}, {}],
    related: [{ streamName: 'Cart-2', metadata: { correlationId: 'c-1' } }],
    commands: [{ id: 'command-1', type: 'AddItems', status: 'attempted' }],
    processes: [],
    software: { mink: '0.1.0' },
    projections: [
      { name: 'cart-list', keys: [{ key: 'Cart-1', row: { document: { items: 2 } }, parked: { waiting: 2 } }] },
    ],
  });
  // The same person in all places, and another one elsewhere.
  const [first, second, third] = incident.events.map((event: { data: { name: string } }) => event.data.name);
  expect(first).toMatch(/^[A-Z][a-z]{2} [A-Z][a-z]{7}$/u);
  expect([third, incident.folds[0].state.last, incident.projections[0].keys[0].row.document?.last ?? first]).toEqual([
    first,
    first,
    first,
  ]);
  expect(second).not.toBe(first);
  expect(incident.commands[0].userId).toBe(incident.events[0].metadata.userId);
  expect(incident.projections[0].keys[0].parked.error).toContain(second);

  const failing = await vitest(directory, 'Cart-1@3.incident.test.ts');
  expect(failing).toMatchObject({ isGreen: false, output: expect.stringContaining('cannot take') });
  mend();
  expect(await vitest(directory, 'Cart-1@3.incident.test.ts')).toMatchObject({ isGreen: true });
});

test('tells a stream that cannot be folded, an event by its position, and one that is as it should not be', async () => {
  const { run, directory } = await carts();
  const broken = await run(['incident', 'Cart-3', '--payloads', 'full']);
  expect(broken.stdout).toContain('Cart fails at ItemAdded:');
  expect(broken.stdout.match(/too many of "Barbara"/gu)).toHaveLength(1);
  expect(broken.stdout).toContain('npx vitest run incidents/Cart-3@1.incident.test.ts\n');
  expect(await vitest(directory, 'Cart-3@1.incident.test.ts')).toMatchObject({
    isGreen: false,
    output: expect.stringContaining('too many of "Barbara"'),
  });

  const event = await run(['incident', '4', '--json']);
  expect(jsonLines(event.stdout)).toMatchObject([{ subject: { streamName: 'Cart-2', streamVersion: 1 } }]);

  expect((await run(['incident', 'Cart-2', '--expect', 'items=4'])).stdout).toContain('nothing fails');
  const expected = await vitest(directory, 'Cart-2@1.incident.test.ts');
  expect(expected).toMatchObject({ isGreen: false, output: expect.stringMatching(/items[\s\S]*4/u) });
});

test('generates a test that runs nothing of what the database says, and has no key of a projection', async () => {
  const schema = database.newSchema();
  const directory = project({
    'mink.config.mjs': `
      import { defineDecider, defineEvents, defineProjection, documents, payload } from 'mink';
      import { createPostgresStore } from 'mink/postgres';
      export const events = defineEvents({ Paid: payload() });
      const url = ${JSON.stringify(database.url())}, schema = ${JSON.stringify(schema)};
      export const store = createPostgresStore({ url, schema, categories: { Bill: events } });
      export const deciders = [defineDecider({
        category: 'Bill', events, initialState: () => ({}), evolve: (state, { data }) => data.state ?? state, decide: () => [],
      })];
      export const projections = [
        defineProjection({ name: 'payers', events: { Bill: events }, readModel: documents(), key: ({ data }) => data.by }).on({
          Paid: (row, { data }) => { if (data.isBad) throw new Error('no'); return {}; },
        }),
      ];`,
  });
  const { store, events, projections } = await import(join(directory, 'mink.config.mjs'));
  const { createProjectionEngine } = await import('mink');
  const code = "throw new Error('run');//";
  const names = [`Bill-\u2028${code}`, `Bill-\u2029${code}`];
  for (const [index, name] of names.entries()) {
    await store.append(name, [events.Paid({ by: `ada@example.com\u2028${code}`, isBad: index === 0 })]);
  }
  await store.append('Bill-3', [events.Paid({ by: 'x', state: JSON.parse('{"__proto__":{"a":1}}') })]);
  const engine = createProjectionEngine(store, projections, { tries: 1 });
  await engine.start();
  await engine.waitFor((await store.readBound()).position).catch(() => undefined);
  await engine.close();
  await store.close();
  for (const name of [...names, 'Bill-3']) {
    const made = await mink(directory, ['incident', name, '--payloads', 'full']);
    expect(made).toMatchObject({ exitCode: 0 });
    expect(made.stdout).toMatch(
      /npx vitest run (?:'incidents\/.*run'\\''.*'|incidents\/Bill-3@1\.incident\.test\.ts)\n/u,
    );
  }
  for (const file of files(directory).filter((it) => it.endsWith('.ts'))) {
    const text = readFileSync(join(directory, 'incidents', file), 'utf8');
    expect(text.split(/[\n\r\u2028\u2029]/u).filter((line) => line.startsWith('throw'))).toEqual([]);
    expect(text).not.toContain('ada@example.com');
    expect((await vitest(directory, file)).output).not.toContain('Error: run');
  }
  expect((await vitest(directory, 'Bill-3@1.incident.test.ts')).output).toContain('This is the state as it is');
});

test('says where the masked payloads do not fail, and what to keep', async () => {
  const schema = database.newSchema();
  const directory = project({
    'mink.config.mjs': `
      import { defineDecider, defineEvents, payload } from 'mink';
      import { createPostgresStore } from 'mink/postgres';
      export const events = defineEvents({ Paid: payload() });
      const url = ${JSON.stringify(database.url())}, schema = ${JSON.stringify(schema)};
      export const store = createPostgresStore({ url, schema, categories: { Bill: events } });
      export const deciders = [defineDecider({
        category: 'Bill',
        events,
        initialState: () => 0,
        evolve: (_state, { data }) => {
          if (data.money.currency === 'XYZ') throw new Error('no such money');
          return 1;
        },
        decide: () => [],
      })];`,
  });
  const { store, events } = await import(join(directory, 'mink.config.mjs'));
  await store.append('Bill-1', [events.Paid({ money: { currency: 'XYZ' }, by: 'Ada' })]);
  await store.close();
  const run = (args: readonly string[]) => mink(directory, args);
  expect((await run(['incident', 'Bill-1'])).stdout).toContain('--keep');
  const again = await run(['incident', 'Bill-1']);
  expect(again).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('not written over') });
  const kept = await run(['incident', 'Bill-1', '--keep', 'currency', '--output', 'kept']);
  expect(kept.stdout).not.toContain('--keep');
  const text = readFileSync(join(directory, 'kept/Bill-1@1.incident.json'), 'utf8');
  expect(text).toContain('XYZ');
  expect(text).not.toContain('Ada');
  expect(JSON.parse((await run(['incident', 'Bill-1', '--payloads', 'none', '--json'])).stdout)).toMatchObject({
    events: [{ data: null }],
    folds: [{ error: { message: expect.any(String) } }],
  });
});

test('refuses what is not there, and what cannot be meant', async () => {
  const { run } = await carts();
  expect(await run(['incident', 'Cart-9'])).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('Cart-9') });
  expect(await run(['incident', '99'])).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('no event at 99'),
  });
  expect(await run(['incident', 'Cart-1', '--at', '4'])).toMatchObject({ exitCode: 2 });
  expect(await run(['incident', '1', '--at', '1'])).toMatchObject({ exitCode: 2 });
  expect(await run(['incident', 'Cart-1', '--expect', 'nothing'])).toMatchObject({ exitCode: 2 });
  expect(await run(['incident', 'Cart-1', '--payloads', 'some'])).toMatchObject({ exitCode: 2 });
});
