import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import {
  commandHandlers,
  createCommandBus,
  defineCommands,
  defineEvents,
  idempotency,
  payload,
} from '../../src/index.ts';
import { createPostgresStore } from '../../src/postgres/index.ts';
import { describePostgres, runSql } from '../support/databases.ts';
import { seedOf } from '../support/random.ts';

interface PaymentLine {
  readonly commandId: string;
  readonly handledBy: number;
  readonly globalPosition: number;
}

const program = fileURLToPath(new URL('../support/dispatch-payments.js', import.meta.url));

/** A process that dispatches payments, several times each, once it is told to. */
function start(url: string, { first = 0, count = 1, repeats = 1 }) {
  const child = spawn(process.execPath, [program, url, `${first}`, `${count}`, `${repeats}`], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  const reader = createInterface(child.stdout);
  reader.on('line', (line) => lines.push(line));
  return {
    child,
    ready: once(reader, 'line'),
    ended: once(child, 'close'),
    results: () => lines.slice(1).map((line): PaymentLine => JSON.parse(line)),
  };
}

/** How often each command has taken effect. */
async function effects(url: string): Promise<ReadonlyMap<string, number>> {
  const rows = await runSql(url, `select data->>'id' as id, count(*)::int as times from mink.events group by 1`);
  return new Map(rows.map(({ id, times }) => [String(id), Number(times)]));
}

describePostgres('commands with an id', (databases) => {
  test('64 repeats at once in two processes have one effect and one result', async () => {
    const url = await databases.create();
    const processes = [1, 2].map(() => start(url, { count: 20, repeats: 32 }));
    await Promise.all(processes.map(({ ready }) => ready));
    for (const { child } of processes) child.stdin.write('go\n');
    await Promise.all(processes.map(({ ended }) => ended));
    const results = processes.flatMap((it) => it.results());
    expect(results).toHaveLength(2 * 20 * 32);
    const distinct = new Set(results.map((result) => JSON.stringify(result)));
    expect(distinct.size).toBe(20);
    const times = await effects(url);
    expect([times.size, ...new Set(times.values())]).toEqual([20, 1]);
  });

  test('kill -9 in the middle leaves an effect and a result, or neither', async () => {
    const { random } = seedOf('kill -9 under keys');
    const url = await databases.create();
    const answered = new Map<string, PaymentLine>();
    for (let cycle = 0; cycle < 6; cycle += 1) {
      const worker = start(url, { count: 40 });
      await worker.ready;
      worker.child.stdin.write('go\n');
      const enough = Math.floor(random() * 30);
      await expect.poll(() => worker.results().length, { interval: 1 }).toBeGreaterThanOrEqual(enough);
      worker.child.kill('SIGKILL');
      await worker.ended;
      for (const line of worker.results()) {
        // Whoever was answered once gets that answer for ever, from whatever process.
        const first = answered.get(line.commandId) ?? line;
        expect(line).toEqual(first);
        answered.set(line.commandId, first);
      }
      for (const [id, times] of await effects(url)) expect([id, times]).toEqual([id, 1]);
    }
    const last = start(url, { count: 40 });
    await last.ready;
    last.child.stdin.write('go\n');
    await last.ended;
    for (const line of last.results()) expect(line).toEqual(answered.get(line.commandId) ?? line);
    const times = await effects(url);
    expect([times.size, ...new Set(times.values())]).toEqual([40, 1]);
  });

  test('no transaction is open while a handler runs', async () => {
    const url = await databases.create();
    const events = defineEvents({ Noted: payload<null>() });
    const commands = defineCommands({ Note: payload<null>() });
    await using store = createPostgresStore({ url, categories: { Note: events } });
    const open = `select count(*)::int as open from pg_stat_activity
      where datname = current_database() and state like 'idle in transaction%'`;
    const bus = createCommandBus(store, {
      handlers: [
        commandHandlers(commands, {
          Note: async () => {
            const [row] = await runSql(url, open);
            return { append: [{ streamName: 'Note-1', events: [events.Noted(null)] }], value: row?.['open'] };
          },
        }),
      ],
      middleware: [idempotency()],
    });
    expect((await bus.dispatch(commands.Note(null, { id: 'k' }))).value).toBe(0);
  });

  test('the indexes serve every look at results and values, and their cleaning up', async () => {
    const url = await databases.create();
    await runSql(
      url,
      `insert into mink.idempotency (key, message_type, fingerprint, outcome, recorded_at, expires_at)
        select 'k' || n, 'T', 'f', 'value', now(), now() + n * interval '1 second' from generate_series(1, 20000) n;
      insert into mink.claims (set_name, value, stream_name)
        select 'email', 'v' || n, 'User-' || n from generate_series(1, 20000) n;
      analyze mink.idempotency, mink.claims`,
    );
    const plan = async (sql: string): Promise<string> => JSON.stringify(await runSql(url, `explain ${sql}`));
    const now = `'2026-01-01'::timestamptz`;
    expect(await plan(`select * from mink.idempotency where key = 'k5' and expires_at > ${now}`)).toContain(
      'idempotency_pkey',
    );
    expect(
      await plan(
        `select key from mink.idempotency where expires_at <= now() order by expires_at limit 1000 for update`,
      ),
    ).toContain('idempotency_expires_at');
    expect(await plan(`select * from mink.claims where set_name = 'email' and value = 'v5'`)).toContain('claims_pkey');
    expect(await plan(`select * from mink.claims where stream_name = 'User-5' and set_name = 'email'`)).toContain(
      'claims_stream',
    );
  });
});
