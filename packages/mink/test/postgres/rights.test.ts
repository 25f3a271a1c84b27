import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  createCommandBus,
  createProjectionEngine,
  deciderHandlers,
  defineCommands,
  defineDecider,
  defineEvents,
  defineProjection,
  documents,
  idempotency,
  payload,
  snapshotEvery,
  type CommandOf,
} from '../../src/index.ts';
import { createBackup, createPostgresStore, sealStore, verifyStore } from '../../src/postgres/index.ts';
import { describePostgres, runSql } from '../support/databases.ts';

const manual = readFileSync(new URL('../../../../docs/postgres.md', import.meta.url), 'utf8');

const events = defineEvents({ Named: payload<{ email: string }>() }, { unique: { email: ({ data }) => data.email } });
const commands = defineCommands({ Name: payload<{ id: string; email: string }>() });
const user = defineDecider({
  category: 'User',
  events,
  initialState: () => ({ email: '' }),
  evolve: (_, { data }) => ({ email: data.email }),
  decide: ({ data }: CommandOf<typeof commands>) => events.Named({ email: data.email }),
  snapshots: { schemaVersion: 1, when: snapshotEvery(1) },
});

describePostgres('roles with the rights that the manual gives', (databases) => {
  test('append with keys and unique values and keep snapshots, read all of it, seal it and back it up', async () => {
    const url = await databases.create();
    const [, grants = ''] = /```sql\n(create role orders_writer.*?)```/su.exec(manual) ?? [];
    const suffix = new URL(url).pathname.slice(1);
    await runSql(
      url,
      grants.replaceAll(/orders_(?:writer|reader)/gu, (role) => `${role}_${suffix}`),
    );
    const problems: unknown[] = [];
    const storeOf = (role: string) => {
      const asRole = new URL(url);
      asRole.username = `${role}_${suffix}`;
      const onSnapshotProblem = (problem: unknown): unknown => problems.push(problem);
      return createPostgresStore({ url: asRole.href, categories: { User: events }, onSnapshotProblem });
    };
    await using writer = storeOf('orders_writer');
    await using reader = storeOf('orders_reader');
    const bus = createCommandBus(writer, {
      handlers: [deciderHandlers(commands, user, { id: ({ data }) => data.id })],
      middleware: [idempotency({ onCleanupError: (error) => problems.push(error) })],
    });
    const name = commands.Name({ id: '1', email: 'a' }, { id: 'k' });
    const first = await bus.dispatch(name);
    expect(await bus.dispatch(name)).toEqual(first);
    await expect(bus.dispatch(commands.Name({ id: '2', email: 'a' }))).rejects.toMatchObject({
      code: 'UNIQUE_VALUE_TAKEN',
    });
    await bus.dispatch(commands.Name({ id: '1', email: 'b' }));
    await writer.snapshots.flush();
    expect(await writer.snapshots.delete({ keep: 0 })).toBeGreaterThan(0);
    const names = defineProjection({
      name: 'names',
      events: { User: events },
      readModel: documents<{ email: string }>(),
    }).on({ Named: (_, { data }) => ({ email: data.email }) });
    await using engine = createProjectionEngine(writer, [names]);
    await engine.start();
    await engine.waitFor(2);
    await engine.reset(names);
    await engine.waitFor(2);
    await engine.close();
    expect(await writer.projections.readModel(names).get('User-1')).toEqual({ email: 'b' });
    expect((await reader.load(user, '1')).state).toEqual({ email: 'b' });
    expect(await reader.uniqueSets.holderOf('email', 'b')).toBe('User-1');
    expect(problems).toEqual([]);
    const asWriter = new URL(url);
    asWriter.username = `orders_writer_${suffix}`;
    const { receipt = '' } = await sealStore({ url: asWriter.href });
    const lines: string[] = [];
    for await (const line of createBackup({ url: asWriter.href })) lines.push(line);
    expect(lines.filter((line) => line.startsWith('['))).toHaveLength(2);
    expect(await verifyStore({ url: asWriter.href, receipts: [receipt] })).toMatchObject({ ok: true });
    await Promise.all([writer.close(), reader.close()]);
    const roles = ['orders_writer', 'orders_reader'].map((role) => `${role}_${suffix}`).join(', ');
    await runSql(url, `drop owned by ${roles}; drop role ${roles}`);
  });
});
