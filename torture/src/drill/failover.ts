import { LogRewoundError } from 'mink';
import { createPostgresStore } from 'mink/postgres';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Cluster } from '../cluster/cluster.ts';
import { retrySql, runSql } from '../cluster/sql.ts';
import { lostOf } from './ledger.ts';
import { Scene, when, type DrillContext, type Outcome } from './scene.ts';

const run = promisify(execFile);

const RECEIVER = `select from pg_catalog.pg_stat_wal_receiver where status = 'streaming'`;

/** A streaming copy of the primary, while the service writes. */
async function addStandby(scene: Scene, { binDir }: DrillContext): Promise<Cluster> {
  const standby = await scene.addCluster('standby', async (dataDir) => {
    // Marks the directory as one of @mink/dev.
    await writeFile(join(dataDir, 'mink-postgres.json'), '{}\n');
    await run(join(binDir, 'pg_basebackup'), [
      '--pgdata',
      join(dataDir, 'data'),
      '--dbname',
      scene.primary.url('postgres'),
      '--write-recovery-conf',
      '--checkpoint=fast',
    ]);
  });
  await when('the standby streams', async () => (await retrySql(standby.url('postgres'), RECEIVER)).length > 0);
  return standby;
}

/** Every commit waits until it is on the disk of the standby, too. After the copy: the standby itself must not wait for another one. */
async function makeSynchronous(scene: Scene): Promise<void> {
  const url = scene.primary.url('postgres');
  await runSql(url, `alter system set synchronous_standby_names = '*'`);
  await runSql(url, 'select pg_reload_conf()');
  const state = `select from pg_catalog.pg_stat_replication where sync_state = 'sync'`;
  await when('the standby is synchronous', async () => (await runSql(url, state)).length > 0);
}

/** The network between the two is gone. A receiver that was only stopped would still read what is on its way. */
async function cutOff(standby: Cluster): Promise<void> {
  const url = standby.url('postgres');
  await runSql(url, `alter system set primary_conninfo = ''`);
  await runSql(url, 'select pg_reload_conf()');
  await when('the standby gets nothing', async () => (await runSql(url, RECEIVER)).length === 0);
}

async function promote(standby: Cluster): Promise<void> {
  await runSql(standby.url('postgres'), 'select pg_promote(true, 60)');
}

/** The primary dies; the standby takes its place, and clients reach it under the old address. */
export async function failover(context: DrillContext): Promise<Outcome> {
  await using scene = await Scene.open(context);
  const standby = await addStandby(scene, context);
  await makeSynchronous(scene);
  await scene.work();
  const happened = Date.now();
  await scene.primary.kill();
  const noticed = await scene.service.said('failing', happened);
  const began = Date.now();
  await promote(standby);
  scene.pointTo(standby);
  const recovered = await scene.service.said('working', began);
  await scene.work();
  return { noticed: noticed - happened, recovered: recovered - began, ...(await scene.settle(scene.urlOn(standby))) };
}

/** The control: nobody waits for the standby, which is behind when the primary dies. What it has not got, is lost. */
export async function asynchronousFailover(context: DrillContext): Promise<Outcome> {
  await using scene = await Scene.open(context);
  const standby = await addStandby(scene, context);
  await scene.work();
  await cutOff(standby);
  await scene.work();
  const happened = Date.now();
  await scene.primary.kill();
  const noticed = await scene.service.said('failing', happened);
  const entries = await scene.service.acknowledged();
  const began = Date.now();
  await promote(standby);
  const url = scene.urlOn(standby);
  const lost = await lostOf(entries, { url, schema: 'mink' });
  // Before anybody writes: later, there may be other events at the positions of those that are lost.
  const isNoticed = await noticesRewind(url, Math.max(...entries.map(({ position }) => position)));
  scene.pointTo(standby);
  const recovered = await scene.service.said('working', began);
  await scene.work();
  const gone = new Set(lost.map(({ id }) => id));
  const kept = (await scene.service.acknowledged()).filter(({ id }) => !gone.has(id));
  const settled = await scene.settle(url, { acknowledged: kept });
  const problems = [
    ...settled.problems,
    ...(settled.lost === 0 ? [] : [`${settled.lost} events more are lost than the standby had not got`]),
    ...(isNoticed ? [] : ['a checkpoint beyond the end was not noticed']),
  ];
  return {
    noticed: noticed - happened,
    recovered: recovered - began,
    acknowledged: kept.length + lost.length,
    lost: lost.length,
    problems,
    remark: 'control: loses what was not yet on the standby',
  };
}

/** Whether a consumer whose checkpoint is kept elsewhere is told that the log ends before it. */
async function noticesRewind(url: string, checkpoint: number): Promise<boolean> {
  await using store = createPostgresStore({ url, migrate: 'never' });
  try {
    await store.subscribe({ after: checkpoint, signal: AbortSignal.timeout(10_000) }).first();
    return false;
  } catch (error) {
    return error instanceof LogRewoundError;
  }
}
