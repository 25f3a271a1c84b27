import { setTimeout as sleep } from 'node:timers/promises';
import { deepStrictEqual } from 'node:assert';
import { Pool } from 'pg';
import { onTestFinished, test } from 'vitest';
import { createEventStore, createProjectionEngine, MinkError } from '../../src/index.ts';
import { createBackup, createPostgresStorage, createPostgresStore } from '../../src/postgres/index.ts';
import { operations } from '../support/chaos-operations.ts';
import {
  categories,
  counts,
  events,
  inlineCounts,
  lines,
  type ChaosStore,
  type Operation,
  type World,
} from '../support/chaos-world.ts';
import { describePostgres, lastServer, runSql, type TestDatabases } from '../support/databases.ts';
import { startProxy, type CutPoint, type Proxy } from '../support/proxy.ts';
import { Random, seedOf } from '../support/random.ts';

/** Most connections of a pool. */
const MAX = 4;
/** Milliseconds after which an operation hangs; a machine may be busy. */
const BOUND = 30_000;
/** Milliseconds in which a server notices that a connection is gone. */
const NOTICE = 10_000;
/**
 * Seven operations are cut once in each way. `CHAOS=20` cuts all of them, at 20 points in each way, which takes hours, and says how far
 * it is; `CHAOS_ONLY` is a part of their names.
 */
const POINTS = Number(process.env['CHAOS'] ?? 1);
const IS_FULL = process.env['CHAOS'] !== undefined;
const OPERATIONS = IS_FULL ? Infinity : 7;
const ONLY = process.env['CHAOS_ONLY'] ?? '';
/** Listeners of a connection that was made a moment ago. */
const NEW = 1;
const KINDS = ['answer', 'half', 'request', 'terminated'] as const;

/** The world behind a proxy, and what looks at it past the proxy. */
interface Stage {
  readonly url: string;
  readonly proxy: Proxy;
  readonly world: World;
  readonly direct: ChaosStore;
  readonly directInline: ChaosStore;
  close(): Promise<void>;
}

async function setTheStage(databases: TestDatabases): Promise<Stage> {
  const [url, rows, inlineUrl] = [await databases.create(), await databases.create(), await databases.create()];
  const proxy = await startProxy(url);
  const proxied = (of: string): string => Object.assign(new URL(proxy.url), { pathname: new URL(of).pathname }).href;
  const poolOf = (of: string): Pool => {
    const pool = new Pool({ connectionString: proxied(of), max: MAX, connectionTimeoutMillis: 1_000 });
    return pool.on('error', ignore);
  };
  const [pool, inlinePool] = [poolOf(url), poolOf(inlineUrl)];
  const own = { wakeUp: 'poll', pollInterval: 20 } as const;
  const store = createPostgresStore({ pool, categories, ...own });
  const inline = createPostgresStore({ pool: inlinePool, categories, inline: [inlineCounts], ...own });
  const readModels = createPostgresStorage({ url: proxied(rows), connectTimeout: 1_000, ...own });
  const elsewhere = createEventStore(createPostgresStorage({ pool, ...own }), { categories, readModels });
  const direct = createPostgresStore({ url, categories });
  const directInline = createPostgresStore({ url: inlineUrl, categories, inline: [inlineCounts] });
  await direct.append(
    'Cart-long',
    Array.from({ length: 40 }, (_, n) => events.Added({ n, sku: 'a' })),
  );
  await inline.projections.activateInline([inlineCounts]);
  const engine = createProjectionEngine(direct, [counts, lines]);
  await engine.catchUp();
  await engine.close();
  const backup: string[] = [];
  for await (const line of createBackup({ url })) backup.push(line);
  let fresh = 0;
  const world = { proxied: proxy.url, pool, inlinePool, store, inline, elsewhere, ledger: [], backup };
  return {
    url,
    proxy,
    direct,
    directInline,
    world: { ...world, fresh: () => String((fresh += 1)) },
    close: async () => {
      await Promise.all([store, inline, elsewhere, direct, directInline].map((one) => one.close()));
      await Promise.all([pool.end(), inlinePool.end()]);
      await proxy.close();
    },
  };
}

/** Runs an operation. What it rejects with; or that it hangs. */
async function outcomeOf({ run, bound = BOUND }: Operation, world: World): Promise<unknown> {
  const over = new AbortController();
  const late = sleep(bound, new Error(`hangs for ${bound} ms`), { signal: over.signal });
  const work = run(world).then(
    () => undefined,
    (error: unknown) => error,
  );
  const outcome = await Promise.race([work, late]);
  late.catch(ignore);
  over.abort();
  return outcome;
}

/** What is wrong with the pools: a connection that cannot be had, or that carries listeners of somebody who has left it. */
async function* lostConnections({ pool, inlinePool }: World): AsyncGenerator<string> {
  for (const own of [pool, inlinePool]) {
    const taken = await Promise.allSettled(Array.from({ length: MAX }, () => take(own)));
    for (const one of taken) {
      if (one.status === 'rejected') yield `a connection is lost: ${String(one.reason)}`;
      else if (one.value.release() > NEW) yield 'a connection is given back with a listener';
    }
    // What nobody waits for any more may still be at work.
    const until = performance.now() + NOTICE;
    while (own.idleCount !== own.totalCount && performance.now() < until) await sleep(5);
    if (own.totalCount > MAX || own.idleCount !== own.totalCount)
      yield `${own.idleCount} of ${own.totalCount} are idle`;
  }
}

async function take(pool: Pool): Promise<{ readonly release: () => number }> {
  const client = await pool.connect();
  client.on('error', ignore);
  return {
    release: () => {
      client.off('error', ignore);
      const listeners = client.listenerCount('error');
      client.release();
      return listeners;
    },
  };
}

/** What appends were told, and is not so. */
async function* lies({ world: { ledger }, direct, directInline }: Stage): AsyncGenerator<string> {
  for (const { of, entries, told } of ledger.splice(0)) {
    const store = of.includes('inline') ? directInline : direct;
    // A repeat with the same ids stores it once, whether it was there or not.
    if (told === 'unknown') await store.appendMany(entries);
    for (const { streamName, events: own } of entries) {
      const ids = new Set<string>(own.map(({ id }) => id));
      const there = (await store.readStream(streamName).toArray()).filter(({ id }) => ids.has(id)).length;
      if (there !== (told === 'refused' ? 0 : ids.size))
        yield `was told "${told}", and ${there} of ${ids.size} are there`;
    }
  }
}

/** What stays behind in the database. */
async function* leftovers(url: string): AsyncGenerator<string> {
  const find = `select query from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'`;
  const until = performance.now() + NOTICE;
  let open = await runSql(url, find);
  while (open.length > 0 && performance.now() < until) open = await runSql(url, find);
  for (const row of open) yield `a transaction is open: ${String(row['query'])}`;
  for (const row of await runSql(url, `select error from mink.parked_keys where name <> 'fragile'`)) {
    yield `a key is parked: ${String(row['error'])}`;
  }
}

function pointsOf(passed: Proxy['passed'], random: Random): readonly CutPoint[] {
  return Array.from({ length: POINTS }).flatMap(() =>
    KINDS.map((kind) => {
      const most = kind === 'request' ? passed.requests : passed.answers;
      return { kind, after: random.int(0, Math.max(0, most - 1)), outage: random.chance(0.5) };
    }),
  );
}

describePostgres(
  'whatever is under way when the network breaks',
  (databases) => {
    const timeout = IS_FULL ? 14_400_000 : 240_000;
    test('ends with a code and in time, loses no connection, and works again afterwards', { timeout }, async () => {
      const random = new Random(seedOf('chaos').seed);
      const stage = await setTheStage(databases);
      const { url, proxy, world } = stage;
      const problems: string[] = [];
      let current = '';
      const note = (problem: unknown): void => {
        const text = `${current}: ${problem instanceof Error ? String(problem.stack) : String(problem)}`;
        problems.push(text);
        if (IS_FULL) console.error(text);
      };
      process.on('uncaughtException', note).on('unhandledRejection', note);
      onTestFinished(() => void process.off('uncaughtException', note).off('unhandledRejection', note));
      const chosen = random
        .shuffle(operations.filter(({ name, isSlow }) => name.includes(ONLY) && (IS_FULL || isSlow !== true)))
        .slice(0, OPERATIONS);
      for (const [index, operation] of chosen.entries()) {
        current = operation.name;
        if (IS_FULL) console.log(`${index} of ${chosen.length}: ${current}`);
        await outcomeOf(operation, world);
        proxy.cutAt({ kind: 'answer', after: Infinity });
        const well = await outcomeOf(operation, world);
        if (well !== undefined) note(well);
        for (const point of pointsOf(proxy.passed, random)) {
          current = `${operation.name}, cut at ${JSON.stringify(point)}`;
          proxy.cutAt(point);
          const healing = operation.outlives === true ? setTimeout(() => proxy.refuse(false), 300) : undefined;
          const outcome = await outcomeOf(operation, world);
          clearTimeout(healing);
          proxy.wasCut();
          proxy.refuse(false);
          if (outcome !== undefined && !(outcome instanceof MinkError)) note(outcome);
          for await (const problem of lostConnections(world)) note(problem);
          for await (const problem of lies(stage)) note(problem);
          for await (const problem of leftovers(url)) note(problem);
          // What was interrupted between its two halves would be in the way of others.
          await stage.directInline.projections.activateInline([inlineCounts]);
        }
      }
      current = 'closing';
      await stage.close();
      deepStrictEqual(problems, []);
    });
  },
  lastServer(),
);

function ignore(): void {
  // Whoever has lost a connection says so.
}
