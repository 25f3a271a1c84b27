import { Readable } from 'node:stream';
import {
  createCommandBus,
  createDoctor,
  createHealth,
  createMetrics,
  createProcessReport,
  createProjectionEngine,
  createProjectionVersions,
  createSnapshotJob,
  deciderHandlers,
  recommendedPipeline,
} from '../../src/index.ts';
import {
  createBackup,
  createMigrator,
  createPostgresStore,
  restoreBackup,
  sealStore,
  verifyStore,
  withTransaction,
} from '../../src/postgres/index.ts';
import { prometheusText } from '../../src/prometheus/index.ts';
import {
  added,
  Basket,
  commands,
  counts,
  decider,
  events,
  fragile,
  inlineCounts,
  lines,
  mails,
  countsOf,
  type Entry,
  type Operation,
  type World,
} from './chaos-world.ts';

async function noted(
  { ledger }: World,
  of: string,
  entries: Entry['entries'],
  work: () => Promise<unknown>,
): Promise<void> {
  const note = (told: Entry['told']): void => {
    ledger.push({ of, entries, told });
  };
  try {
    await work();
    note('stored');
  } catch (error) {
    const code = Object(error).code;
    note(code === 'APPEND_OUTCOME_UNKNOWN' ? 'unknown' : 'refused');
    throw error;
  }
}

const drain = async (sequence: AsyncIterable<unknown>): Promise<number> => {
  let count = 0;
  for await (const _ of sequence) count += 1;
  return count;
};

const engineOptions = { leaseDuration: 300, backoff: 10, tries: 1 };
const WAIT = { timeout: 1_500 };

export const operations: readonly Operation[] = [
  {
    name: 'append, pumped',
    run: async (world) => {
      const all = Array.from({ length: 6 }, (_, n) => {
        const streamName = `Plain-p${n}` as const;
        const own = [added(), added()];
        return noted(world, 'append', [{ streamName, events: own }], () => world.store.append(streamName, own));
      });
      for (const one of await Promise.allSettled(all)) if (one.status === 'rejected') throw one.reason;
    },
  },
  {
    name: 'append with a unique value',
    run: (world) => world.store.append(`Plain-${world.fresh()}`, [events.Named({ name: world.fresh() })]),
  },
  {
    name: 'appendMany',
    run: (world) => {
      const entries = [1, 2, 3].map((n) => ({ streamName: `Plain-m${n}` as const, events: [added()] }));
      return noted(world, 'appendMany', entries, () => world.store.appendMany(entries));
    },
  },
  {
    name: 'append, inline',
    run: (world) => {
      const streamName = 'Cart-inline' as const;
      const own = [added(), added()];
      return noted(world, 'inline', [{ streamName, events: own }], () => world.inline.append(streamName, own));
    },
  },
  {
    name: 'append in a transaction',
    run: (world) => {
      const streamName = 'Plain-tx' as const;
      const own = [added()];
      return noted(world, 'tx', [{ streamName, events: own }], () =>
        withTransaction(world.pool, async (tx) => {
          await world.store.readStream(streamName, { tx }).toArray();
          await world.store.append(streamName, own, { tx });
        }),
      );
    },
  },
  {
    name: 'append in a transaction, inline',
    run: (world) => {
      const streamName = 'Cart-txi' as const;
      const own = [added()];
      return noted(world, 'tx inline', [{ streamName, events: own }], () =>
        withTransaction(world.inlinePool, (tx) => world.inline.append(streamName, own, { tx })),
      );
    },
  },
  { name: 'readStream', run: ({ store }) => drain(store.readStream('Cart-long', { pageSize: 7 })) },
  { name: 'readAll', run: ({ store }) => drain(store.readAll({ pageSize: 20 })) },
  { name: 'listStreams', run: ({ store }) => drain(store.listStreams({ pageSize: 3 })) },
  {
    name: 'subscribe',
    outlives: true,
    run: async ({ store }) => {
      const stop = new AbortController();
      const upTo = 30;
      let count = 0;
      for await (const _ of store.subscribe({ signal: stop.signal, pageSize: 10 })) {
        count += 1;
        if (count === upTo) stop.abort();
      }
    },
  },
  { name: 'load', run: ({ store }) => store.load(decider, 'long') },
  {
    name: 'execute',
    run: ({ store }) => store.execute(decider, 'executed', { type: 'Add', data: { n: 1 } }),
  },
  {
    name: 'executeWithRetry, exclusive',
    run: ({ store }) =>
      Promise.all(
        [1, 2, 3].map((n) =>
          store.executeWithRetry(decider, 'exclusive', { type: 'Add', data: { n } }, { exclusive: true }),
        ),
      ),
  },
  {
    name: 'executeWithRetry, exclusive and inline',
    run: ({ inline }) =>
      Promise.all(
        [1, 2, 3].map((n) =>
          inline.executeWithRetry(decider, 'exclusive', { type: 'Add', data: { n } }, { exclusive: true }),
        ),
      ),
  },
  {
    name: 'load and save an aggregate',
    run: async ({ store }) => {
      const basket = await store.load(Basket, 'saved');
      basket.add();
      await store.save(basket);
    },
  },
  {
    name: 'command bus',
    run: async (world) => {
      const bus = createCommandBus(world.store, {
        handlers: [deciderHandlers(commands, decider, { id: ({ data }) => data.id })],
        middleware: recommendedPipeline({
          audit: { write: world.store.operations.audit.write, onLost: () => undefined },
          retry: { tries: 2, backoff: 10 },
        }),
      });
      const command = { ...commands.Add({ id: 'bus', n: 1 }), id: `c-${world.fresh()}` };
      await bus.dispatch(command);
      await bus.dispatch(command);
    },
  },
  {
    name: 'snapshot job',
    run: async ({ store }) => {
      let end: (failed?: unknown) => void = () => undefined;
      const ended = new Promise((resolve) => (end = resolve));
      const options = { interval: 1_000, minEvents: 1, onRun: () => end(), onError: (error: unknown) => end(error) };
      await using _job = createSnapshotJob(store, [decider], options);
      const failed = await ended;
      if (failed !== undefined) throw failed;
    },
  },
  { name: 'snapshots.recreate', run: ({ store }) => store.snapshots.recreate(decider) },
  { name: 'snapshots.verify', run: ({ store }) => store.snapshots.verify(decider) },
  { name: 'uniqueSets.rebuild', run: ({ store }) => store.uniqueSets.rebuild('Plain') },
  { name: 'schema.scan', run: ({ store }) => store.schema.scan() },
  { name: 'schema.check', run: ({ store }) => store.schema.check([decider]) },
  {
    name: 'engine, started',
    bound: 8_000,
    run: async ({ store }) => {
      await using engine = createProjectionEngine(store, [counts, lines, mails], engineOptions);
      await engine.start();
      const { position } = await store.readBound();
      await engine.waitFor(position, WAIT);
    },
  },
  {
    name: 'engine.catchUp',
    bound: 8_000,
    run: async ({ store }) => {
      await store.append('Cart-c', [events.Added({ n: 1, sku: 'a' })]);
      await using engine = createProjectionEngine(store, [counts, lines], engineOptions);
      await engine.catchUp(undefined, WAIT);
    },
  },
  {
    name: 'engine: partition, pause, resume, reset',
    bound: 8_000,
    run: async ({ store }) => {
      await using engine = createProjectionEngine(store, [counts], engineOptions);
      await engine.start();
      await engine.partition(counts, 2);
      await engine.pause(counts);
      await engine.resume(counts);
      await engine.reset(counts);
      await engine.partition(counts, 1);
      await engine.status();
    },
  },
  {
    name: 'versions',
    bound: 40_000,
    isSlow: true,
    run: async ({ store, fresh }) => {
      // A retired version does not come back.
      const newCounts = countsOf(Number(fresh()) + 1);
      const live = (await store.projections.liveVersion('counts')) ?? 1;
      const known = [counts, newCounts, ...(live === 1 ? [] : [countsOf(live)])];
      const versions = createProjectionVersions(store, known, engineOptions);
      const stop = { signal: AbortSignal.timeout(30_000), timeout: 3_000 };
      // One that was cut after its switch has left its version live.
      if (live !== 1) await versions.switchTo(counts, stop);
      await versions.build(newCounts, stop);
      await versions.compare(newCounts, stop);
      await versions.switchTo(newCounts, stop);
      await versions.rollback(newCounts, stop);
      await versions.verifyRows(counts, stop);
      await versions.whatIf(counts, stop);
      await versions.retire(newCounts);
    },
  },
  { name: 'projections.verify', run: ({ store }) => store.projections.verify(counts) },
  {
    name: 'projections: list, history, projectUntil, read model',
    run: async ({ store }) => {
      await store.projections.list();
      await store.projections.checkpointHistory(counts);
      await store.projections.projectUntil(counts, { position: 40 });
      await store.projections.readModel(counts).list().toArray();
      await store.projections.liveVersion('counts');
    },
  },
  {
    name: 'activateInline',
    run: async ({ inline }) => {
      await inline.projections.deactivateInline([inlineCounts]);
      await inline.projections.activateInline([inlineCounts]);
    },
  },
  {
    name: 'dead letters',
    bound: 8_000,
    run: async (world) => {
      const { store } = world;
      const engine = createProjectionEngine(store, [fragile], engineOptions);
      try {
        const key = `Cart-f${world.fresh()}` as const;
        await store.append(key, [added('bad'), added()]);
        await engine.catchUp(undefined, WAIT);
        const of = { projection: fragile, key };
        await engine.deadLetters.list().toArray();
        await engine.deadLetters.show(of).toArray();
        await engine.deadLetters.dryRun(of);
        await engine.deadLetters.retry(of);
        await engine.deadLetters.discard(of, { reason: 'chaos' });
      } finally {
        await engine.close();
      }
    },
  },
  {
    name: 'read models elsewhere',
    bound: 8_000,
    run: async ({ elsewhere }) => {
      await using engine = createProjectionEngine(elsewhere, [counts], engineOptions);
      await engine.start();
      const { position } = await elsewhere.readBound();
      await engine.waitFor(position, WAIT);
    },
  },
  {
    name: 'process report',
    run: async ({ store }) => {
      let failed: unknown;
      const report = createProcessReport(store, {
        name: 'chaos',
        interval: 500,
        onError: (error) => {
          failed = error;
        },
      });
      await report.start();
      await report.close();
      await store.operations.processes();
      if (failed !== undefined) throw failed;
    },
  },
  {
    name: 'audit log',
    run: async ({ store }) => {
      const nothing = { userId: 'a', tenantId: undefined, correlationId: undefined, errorCode: undefined };
      const entry = { kind: 'action', type: 'x', id: 'x', at: new Date(), status: 'succeeded' } as const;
      const audit = store.operations.audit;
      await Promise.all(
        [1, 2, 3].map(() => audit.write({ ...entry, ...nothing, streamName: undefined, streamVersion: undefined })),
      );
      await audit.list();
      await audit.count({ before: new Date() });
      await audit.prune({ before: new Date() });
    },
  },
  {
    name: 'operations',
    run: async ({ store }) => {
      await store.operations.facts();
      await store.operations.categories();
      await store.operations.longestStreams();
      await store.operations.recentStreams();
      await store.operations.correlated({ correlationId: 'none', after: 0 });
    },
  },
  {
    name: 'health',
    run: async ({ store }) => {
      const engine = createProjectionEngine(store, [counts]);
      const health = createHealth({ store, engine, timeout: 1_000 });
      health.live();
      await health.ready();
      await health.details();
    },
  },
  {
    name: 'metrics',
    run: async ({ store }) => {
      const engine = createProjectionEngine(store, [counts]);
      const metrics = createMetrics({ gaugeInterval: 0, gaugeTimeout: 1_000 });
      metrics.watch({ store, engine });
      await prometheusText(metrics);
    },
  },
  {
    name: 'doctor',
    bound: 20_000,
    run: ({ store }) => createDoctor(store, { projections: [counts], deciders: [decider] }).examine(),
  },
  { name: 'feedStatus', run: ({ store }) => store.feedStatus() },
  {
    name: 'migrator',
    run: async ({ proxied, fresh }) => {
      await using migrator = createMigrator({ url: proxied, schema: `m${fresh()}`, connectTimeout: 1_000 });
      await migrator.status();
      await migrator.pending();
      await migrator.up();
    },
  },
  {
    name: 'first call of a new store',
    run: async ({ proxied }) => {
      await using store = createPostgresStore({ url: proxied, connectTimeout: 1_000 });
      await store.append('Note-1', [{ type: 'Noted', data: {} }]);
      await drain(store.subscribe({ signal: AbortSignal.timeout(100) }));
    },
  },
  { name: 'createBackup', run: ({ proxied }) => drain(createBackup({ url: proxied, connectTimeout: 1_000 })) },
  {
    name: 'restoreBackup',
    run: ({ proxied, fresh, backup }) =>
      restoreBackup({ url: proxied, schema: `r${fresh()}`, connectTimeout: 1_000 }, Readable.from(backup)),
  },
  { name: 'sealStore', run: ({ proxied }) => sealStore({ url: proxied, connectTimeout: 1_000 }) },
  { name: 'verifyStore', run: ({ proxied }) => verifyStore({ url: proxied, seals: true, connectTimeout: 1_000 }) },
  {
    name: 'withTransaction',
    run: ({ pool }) => withTransaction(pool, (tx) => tx.query('select 1')),
  },
];
